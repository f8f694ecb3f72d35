"""What a recording says, read a second time by code that shares nothing with the adapters.

Each module is named after a recording's protocol and has one function, ``read(recording) ->
Expected``, that works on the raw recording. The protocol test compares it with what the adapter
says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Recording = Mapping[str, Any]


@dataclass
class ExpectedCall:
    """``arguments`` is the parsed JSON, or the text itself when it is no JSON. ``id`` None: the
    provider gave none.
    """

    name: str
    arguments: Any
    id: str | None = None


@dataclass
class ExpectedChoice:
    """``finish`` is our own word (providers.chat.FinishReason); None: the recording leaves it open,
    not compared.
    """

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    tool_calls: list[ExpectedCall] = field(default_factory=list)
    finish: str | None = None
    citations: list[str] | None = None
    """URLs (or titles where there is none) in order, without duplicates; None: not compared."""


@dataclass
class Expected:
    """``usage`` maps names of providers.usage.Usage to numbers; None: the answer says nothing about
    usage.

    ``failed`` is True for a stream that must end in ``Failed``; what came before is compared all
    the same.
    """

    choices: list[ExpectedChoice]
    usage: Mapping[str, int] | None = None
    failed: bool = False
    model: str | None = None


def json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def sse(recording: Recording) -> list[tuple[str, str]]:
    """(event, data) pairs of a recorded stream; an unknown field's line is a pair (field, value)."""
    frames: list[tuple[str, str]] = []
    event = ""
    data: list[str] = []
    for line in [*re.split("\r\n|\n|\r", recording["response"]["body_text"]), ""]:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            frames += [(event, "\n".join(data))] if data else []
            event, data = "", []
        elif name == "data":
            data.append(value)
        elif name == "event":
            event = value
        elif name not in ("", "id", "retry"):
            frames.append((name, value))
    return frames


def unique(values: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(values))
