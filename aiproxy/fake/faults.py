"""What can be asked to go wrong, for one request: by the model's name or by headers.

A model called ``fake-slow-500-chunks-20`` waits half a second and then answers in twenty pieces; the headers
``x-fake-delay-ms: 500`` and ``x-fake-chunks: 20`` say the same. Both may be combined, the headers win. A
switch needs no number in a model's name, and any value in a header. A prefix with a slash does not matter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields

HEADER = "x-fake-"
PREFIX = "fake"


@dataclass(frozen=True, slots=True)
class Faults:
    """All off by default; counts that are off are None. Pieces are counted as the format sends them."""

    status: int | None = None
    retry_after: int | None = None
    delay_ms: int = 0
    chunk_delay_ms: int = 0
    drip_ms: int | None = None
    chunks: int | None = None
    cut_after: int | None = None
    end_after: int | None = None
    stall_after: int | None = None
    error_in_stream: int | None = None
    huge_line: int | None = None
    garbage: bool = False
    html: bool = False
    silence: bool = False
    ping_ms: int | None = None
    gzip: int | None = None
    headers: int | None = None
    redirect: int | None = None
    echo_key: bool = False
    fast: bool = False

    @property
    def is_prompt(self) -> bool:
        """Whether the body may be sent in one go."""
        slow = self.drip_ms, self.stall_after, self.cut_after, self.ping_ms, self.gzip
        return all(one is None for one in slow)


NONE = Faults()


@dataclass(frozen=True, slots=True)
class Fault:
    """How one field of Faults is asked for: ``word`` in a model's name, the field's name in a header."""

    word: str
    field: str
    help: str
    number: bool = True
    usual: int = 1
    """What the word alone means."""

    @property
    def header(self) -> str:
        return HEADER + self.field.replace("_", "-")


FAULTS = (
    Fault(
        "error", "status", "answer with this HTTP status and the format's error object", usual=500
    ),
    Fault("retry", "retry_after", "say Retry-After, in seconds"),
    Fault("slow", "delay_ms", "wait before the answer begins, in milliseconds", usual=1000),
    Fault(
        "pace", "chunk_delay_ms", "wait between the pieces of a stream, in milliseconds", usual=50
    ),
    Fault("drip", "drip_ms", "send the body byte by byte, so many milliseconds apart", usual=10),
    Fault(
        "chunks",
        "chunks",
        "answer with that many words, so with that many pieces of a stream",
        usual=10,
    ),
    Fault("cut", "cut_after", "break the connection after that many pieces"),
    Fault(
        "end", "end_after", "end a stream cleanly after that many pieces, without its last event"
    ),
    Fault("stall", "stall_after", "say nothing more after that many pieces"),
    Fault("fail", "error_in_stream", "send an error event after that many pieces of a stream"),
    Fault("line", "huge_line", "answer with one line of that many bytes", usual=10_000_000),
    Fault(
        "ping",
        "ping_ms",
        "begin a stream, and then send nothing but pings, so many milliseconds apart",
        usual=1000,
    ),
    Fault("gzip", "gzip", "answer compressed, with that many bytes in it", usual=1_000_000_000),
    Fault("headers", "headers", "answer with that many headers", usual=10_000),
    Fault("garbage", "garbage", "answer 200 with bytes that are not JSON", number=False),
    Fault("html", "html", "answer 200 with a web page", number=False),
    Fault("silence", "silence", "accept the request and never answer", number=False),
    Fault("redirect", "redirect", "answer with this redirect to another address", usual=307),
    Fault(
        "echo", "echo_key", "repeat the received key in an error's body and header", number=False
    ),
    Fault("fast", "fast", "a fixed answer made beforehand: for load tests", number=False),
)

KEYS = (
    ("bad", "wrong_key", "the key is wrong"),
    ("restricted", "restricted_key", "the key may not do this"),
    ("broke", "no_credit", "the account has no credit"),
    ("limited", "rate_limited", "too many requests"),
)
"""A key that holds one of these words is refused, in the way the format's real servers do it."""

_BY_WORD = {fault.word: fault for fault in FAULTS}
_STEP = re.compile(r"-([a-z]+)(?:-(\d+))?")


def read(model: str, headers: Mapping[str, str]) -> Faults:
    """What this request asks for. Unknown words and values that are no numbers ask for nothing."""
    asked: dict[str, int | bool] = {}
    name = model.rpartition("/")[2]
    if name.startswith(PREFIX):
        for word, number in _STEP.findall(name):
            if fault := _BY_WORD.get(word):
                _note(asked, fault, number)
    for fault in FAULTS:
        if (given := headers.get(fault.header)) is not None:
            _note(asked, fault, given)
    return Faults(**asked) if asked else NONE  # type: ignore[arg-type] # _note keeps the types


def _note(asked: dict[str, int | bool], fault: Fault, given: str) -> None:
    if not fault.number:
        asked[fault.field] = True
    elif given.isascii() and given.isdigit():
        asked[fault.field] = int(given)
    elif not given:
        asked[fault.field] = fault.usual


def table() -> str:
    """The faults for people, one a line."""
    lines = [f"  {'model name':<16} {'header':<26} what happens"]
    for fault in FAULTS:
        word = f"fake-{fault.word}{'-N' if fault.number else ''}"
        lines.append(f"  {word:<16} {fault.header:<26} {fault.help}")
    lines += ["", "  A key with one of these words in it is refused:"]
    lines += [f"  {word:<16} {help}" for word, _, help in KEYS]
    return "\n".join(lines)


assert {fault.field for fault in FAULTS} == {field.name for field in fields(Faults)}
