"""Paths into a provider's JSON, as a person writes them in a mapping.

They are JSON pointers (RFC 6901): ``/choices/0/text``; ``~1`` and ``~0`` stand for a slash and a tilde in a name.
Two steps go further: ``*`` is every element of a list, ``-1`` its last one. A slash alone is the whole value.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from providers.adapters.reading import as_int

MAX_LENGTH, MAX_STEPS, MAX_STARS, MAX_HITS = 200, 16, 2, 10_000

_INDEX = re.compile(r"0|[1-9][0-9]{0,8}|-1")
_TILDE = re.compile(r"~(?![01])")


class BadPath(ValueError):
    """The text is no path; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Path:
    """``key`` is the member of the mapping that holds it, for the sentences about it."""

    key: str
    text: str
    steps: tuple[str, ...]

    def hits(self, value: Any) -> list[Any]:
        """All that stands there, without nulls: at most one value where the path has no ``*``."""
        found = [value]
        for step in self.steps:
            found = [hit for holder in found for hit in _inside(holder, step)][:MAX_HITS]
        return [hit for hit in found if hit is not None]

    def text_in(self, value: Any) -> str | None:
        """The text there, several joined; None where there is none. A number or an object is no text."""
        texts = [hit for hit in self.hits(value) if isinstance(hit, str)]
        return "".join(texts) if texts else None

    def count_in(self, value: Any) -> int | None:
        """The number there; None where there is none."""
        hits = self.hits(value)
        number = isinstance(hits[0], int | float) and not isinstance(hits[0], bool) if hits else 0
        return as_int(hits[0]) if number else None

    def is_set_in(self, value: Any) -> bool:
        """Whether anything but null, false, 0 or something empty stands there."""
        return any(self.hits(value))


def parse(text: str, key: str = "") -> Path:
    """Raises BadPath."""
    if len(text) > MAX_LENGTH:
        raise BadPath(f"is longer than {MAX_LENGTH} characters")
    if not text.startswith("/"):
        raise BadPath("must begin with a slash, as in /choices/0/text")
    if _TILDE.search(text):
        raise BadPath("has a ~ that is not ~0 (for ~) or ~1 (for /)")
    if not text.isprintable():
        raise BadPath("holds a line break or a control character")
    steps = [step.replace("~1", "/").replace("~0", "~") for step in text[1:].split("/")]
    if text == "/":
        steps = []
    if len(steps) > MAX_STEPS:
        raise BadPath(f"has more than {MAX_STEPS} steps")
    if steps.count("*") > MAX_STARS:
        raise BadPath(f"has more than {MAX_STARS} stars")
    return Path(key, text, tuple(steps))


def _inside(holder: Any, step: str) -> Sequence[Any]:
    if isinstance(holder, dict):
        return [holder[step]] if step in holder else []
    if not isinstance(holder, list):
        return []
    if step == "*":
        return holder
    if not _INDEX.fullmatch(step):
        return []
    index = int(step)
    return [holder[index]] if index < len(holder) and holder else []
