"""What every wire format carries, as the two tables in providers/README.md.

    python -m tests.contracts.table

writes them anew. The first is what the adapters say about requests that ask for one thing each; the second counts the
recordings in which ``test_recordings`` compares an answer's feature with an independent reading.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from providers.adapters import ADAPTERS
from providers.adapters.base import Host
from providers.catalogue.spec import Auth, ModelSpec, ProviderSpec
from providers.chat import (
    ChatRequest,
    File,
    Image,
    Message,
    ReasoningOptions,
    ResponseFormat,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from providers.errors import InvalidRequest
from tests.contracts import test_recordings as recordings
from tests.contracts.expected import Recording

README = Path(__file__).resolve().parents[2] / "providers" / "README.md"
BEGIN, END = "<!-- begin: tests.contracts.table -->\n", "<!-- end: tests.contracts.table -->"

FORMATS = [name for name in sorted(ADAPTERS) if name != "custom"]
"""``custom`` carries what its user's mapping says."""

_HELLO = Message("user", (Text("Hello"),))
_TOOL = Tool("weather", "Tells the weather", {"type": "object", "properties": {}})
_CALLS = tuple(ToolCall(f"call_{n}", "weather", "{}") for n in (1, 2))
_RESULTS = tuple(ToolResult(call.id, (Text("sunny"),), "weather") for call in _CALLS)


def _asking(*parts: Image | File, **said: object) -> ChatRequest:
    message = Message("user", (Text("Hello"), *parts))
    return ChatRequest("m", (message,), max_tokens=50_000, **said)  # type: ignore[arg-type]  # names of ChatRequest


REQUESTS: Mapping[str, ChatRequest] = {
    "picture": _asking(Image("image/png", "iVBORw0KGgo=")),
    "picture by address": _asking(Image(url="https://example.com/a.png")),
    "PDF": _asking(File("application/pdf", "JVBERi0=", name="a.pdf")),
    "tools": _asking(tools=(_TOOL,)),
    "several calls and results": ChatRequest(
        "m",
        (_HELLO, Message("assistant", _CALLS), Message("tool", _RESULTS)),
        tools=(_TOOL,),
        max_tokens=50_000,
    ),
    "some tool forced": _asking(tools=(_TOOL,), tool_choice=ToolChoice("required")),
    "one tool forced": _asking(tools=(_TOOL,), tool_choice=ToolChoice("named", "weather")),
    "JSON": _asking(response_format=ResponseFormat("json")),
    "JSON schema": _asking(
        response_format=ResponseFormat("json_schema", {"type": "object"}, "answer")
    ),
    "effort": _asking(reasoning=ReasoningOptions(effort="high")),
    "token budget to think": _asking(reasoning=ReasoningOptions(budget=2048)),
    "stop": _asking(stop=("END",)),
    "seed": _asking(seed=1),
    "top_k": _asking(top_k=5),
    "penalties": _asking(presence_penalty=0.1, frequency_penalty=0.1),
    "several answers": _asking(n=2),
}

_WORSE = ("dropped", "emulated", "changed")
_WORDS = {"dropped": "no", "emulated": "emulated", "changed": "nearly", "": "yes"}


def carried(format_: str, request: ChatRequest) -> str:
    """Whether a host of this format, whose model can do everything, gets what is asked for."""
    quirks = {"structured_output": "native", "sampling": "full", "thinking": "adaptive"}
    model = ModelSpec(id="m", capabilities=("chat", "reasoning", "tools", "vision"), quirks=quirks)
    way = Auth(id="none", type="none", label="None", place="none")
    spec = ProviderSpec(
        id="a", name="A", description="", category="llm", adapter=format_, auth=(way,)
    )
    try:
        changes = ADAPTERS[format_].build(request, Host(spec, model)).changes
    except InvalidRequest:
        return "no"
    kinds = {change.kind for change in changes}
    return _WORDS[next((kind for kind in _WORSE if kind in kinds), "")]


COMPARED = (
    "answers",
    "streams",
    "tool calls",
    "parallel calls",
    "reasoning",
    "citations",
    "refusals",
    "usage",
    "cached tokens",
    "errors",
    "vectors",
    "lists",
)


def compared(recording: Recording) -> list[str]:
    """The features of one recording that ``test_recordings`` compares."""
    if not recordings.ok(recording):
        return ["errors"]
    if recording["protocol"] == recordings.MODELS:
        return ["lists"]
    if not recordings.is_chat(recording):
        return ["vectors"]
    expected = recordings.expected_of(recording)
    usage, choices = expected.usage or {}, expected.choices
    facts = {
        "streams" if recordings.is_stream(recording) else "answers": True,
        "tool calls": any(choice.tool_calls for choice in choices),
        "parallel calls": any(len(choice.tool_calls) > 1 for choice in choices),
        "reasoning": any(choice.reasoning for choice in choices),
        "citations": any(choice.citations for choice in choices),
        "refusals": any(choice.refusal for choice in choices),
        "usage": bool(usage),
        "cached tokens": bool(usage.get("cached_tokens")),
    }
    return [name for name, holds in facts.items() if holds]


def request_table() -> str:
    rows = [[name, *(carried(f, request) for f in FORMATS)] for name, request in REQUESTS.items()]
    return _markdown(["asked for", *FORMATS], rows)


def recording_table() -> str:
    """Empty where the recordings are not at hand."""
    counts: dict[str, Counter[str]] = {}
    for recording in (param.values[0] for param in recordings.RECORDINGS):
        if recording:
            counts.setdefault(recording["protocol"], Counter()).update(compared(recording))
    rows = [
        [protocol, *(str(counts[protocol][name] or "") for name in COMPARED)]
        for protocol in sorted(counts)
    ]
    return _markdown(["recorded protocol", *COMPARED], rows) if rows else ""


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def written() -> list[str]:
    """The tables that stand in the README."""
    text = README.read_text(encoding="utf-8")
    inside = text.partition(BEGIN)[2].partition(END)[0]
    return [table + "\n" for table in re.findall(r"(?:^\|.*\n?)+", inside, re.MULTILINE)]


def main() -> None:
    tables = [request_table(), recording_table()]
    if not tables[1]:
        raise SystemExit(f"There are no recordings in {recordings.FOLDER}; set RECORDINGS_DIR.")
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    README.write_text(
        before + BEGIN + "\n" + "\n".join(tables) + "\n" + END + rest.partition(END)[2],
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
