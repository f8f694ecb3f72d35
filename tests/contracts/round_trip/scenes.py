"""A conversation and an answer in plain words, for neither end in particular."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Call:
    id: str
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Result:
    id: str
    name: str
    text: str


@dataclass(frozen=True)
class Turn:
    """What one side says. ``picture`` is the base64 of a PNG."""

    role: str
    text: str = ""
    picture: str = ""
    calls: tuple[Call, ...] = ()
    results: tuple[Result, ...] = ()


@dataclass(frozen=True)
class Scene:
    """A request. ``choice`` is a word of ours or a tool's name."""

    turns: tuple[Turn, ...]
    system: str = ""
    tool: dict[str, Any] | None = None
    choice: str = ""
    schema: dict[str, Any] | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int = 1000
    stop: tuple[str, ...] = ()
    effort: str = ""


@dataclass(frozen=True)
class Answer:
    """``thoughts`` are what the model said to itself, ``seal`` what the provider wants back with them."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    thoughts: str = ""
    seal: str = ""
    finish: str = "stop"
    tokens: tuple[int, int] = field(default=(10, 5))


ASK = Turn("user", "What is the weather in Paris and in Rome?")
CALLS = (
    Call("call_1", "weather", {"city": "Paris"}),
    Call("call_2", "weather", {"city": "Rome"}),
)
RESULTS = (Result("call_1", "weather", "sunny"), Result("call_2", "weather", "rain"))

SCENES = {
    "text": Scene((Turn("user", "Hello"), Turn("assistant", "Hi."), Turn("user", "Who are you?"))),
    "system": Scene((Turn("user", "Hello"),), system="Be brief."),
    "picture": Scene((Turn("user", "What is this?", picture=PNG),)),
    "tools": Scene((ASK,), tool=CITY, choice="auto"),
    "results": Scene(
        (ASK, Turn("assistant", "Let me see.", calls=CALLS), Turn("user", results=RESULTS)),
        tool=CITY,
    ),
    "later": Scene(
        (
            ASK,
            Turn("assistant", calls=CALLS),
            Turn("user", results=RESULTS),
            Turn("assistant", "Sun and rain."),
            Turn("user", "Thanks."),
        ),
        tool=CITY,
    ),
    "schema": Scene((Turn("user", "Name a city."),), schema=CITY),
    "sampling": Scene(
        (Turn("user", "Hello"),), temperature=0.5, top_p=0.9, max_tokens=50, stop=("END", "STOP")
    ),
    "reasoning": Scene((Turn("user", "Think."),), effort="high", max_tokens=40_000),
}

ANSWERS = {
    "text": Answer("Hé, “world”!\nNew line."),
    "length": Answer("It was a dark and", finish="length"),
    "calls": Answer("Let me see.", CALLS, finish="tool_calls"),
    "bare call": Answer("", CALLS[:1], finish="tool_calls"),
    "thoughts": Answer("Four.", thoughts="Two and two…"),
}
