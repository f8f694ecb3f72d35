"""Recorded requests, parsed in the dialect they were sent in and built again in the same format: nothing is lost
that is not reported. What may look different without being so is listed in ``normal.py``.

The recordings are not part of the project; see ``test_recordings.py``.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from aiproxy.protocols import anthropic, gemini, openai, responses
from aiproxy.protocols.base import Protocol
from providers.adapters import ADAPTERS
from providers.adapters.base import Counting, Host
from providers.catalogue.spec import ModelSpec, ProviderSpec
from providers.errors import InvalidRequest
from providers.wire import Change, WireReply, WireRequest
from tests.contracts.normal import CHAT, EMBEDDINGS, GEMINI, MESSAGES, RESPONSES, RULES, normal
from tests.contracts.test_recordings import FOLDER

PROTOCOLS: dict[str, Protocol] = {
    CHAT: openai.PROTOCOL,
    RESPONSES: responses.PROTOCOL,
    MESSAGES: anthropic.PROTOCOL,
    GEMINI: gemini.PROTOCOL,
    EMBEDDINGS: openai.PROTOCOL,
    "anthropic_count_tokens": anthropic.PROTOCOL,
    "gemini_count_tokens": gemini.PROTOCOL,
}
COUNTERS = ("anthropic_count_tokens", "gemini_count_tokens")

ABLE: dict[str, dict[str, Any]] = {
    "openai": {
        "top_k": True,
        "cache_control": True,
        "file_url": True,
        "tool_result_media": True,
        "tool_result_name": True,
    },
    "anthropic": {
        "structured_output": "native",
        "efforts": ["low", "medium", "high", "xhigh", "max"],
        "thinking_display": True,
    },
}
"""Hosts of each format that take all there is in it, so that nothing is left out for their sake."""

REFUSED = {
    "functions": "the old form of tools, with a sentence that names the new one",
    "previous_response_id": "answers are not kept here",
    "conversation": "answers are not kept here",
    "background": "answers are not kept here",
    "tool_call_id": "the dialect demands it; one host lets it be left out",
    "schema": "the dialect demands it: its own provider refused this request too",
}
"""Members whose calls are refused as a whole, with a sentence, and why."""

ALIASES = {
    "reasoning": ("reasoning", "reasoning_effort", "thinking", "thinkingConfig"),
    "file": ("content", "input_file", "length", "type"),
    "stop": ("stop", "stop_sequences", "stopSequences"),
    "max_tokens": ("max_tokens", "max_output_tokens", "maxOutputTokens"),
}
"""Where a reported thing stands in a body, if not under its own name."""


def load(*protocols: str) -> list[Any]:
    if not FOLDER.is_dir():
        skip = pytest.mark.skip(reason=f"no recordings in {FOLDER}; set RECORDINGS_DIR")
        return [pytest.param({}, marks=skip, id="no-recordings")]
    found = []
    for path in sorted(FOLDER.glob("*.json")):
        recording = json.loads(path.read_text(encoding="utf-8"))
        body = (recording.get("request") or {}).get("body")
        if recording["protocol"] in protocols and isinstance(body, dict):
            found.append(pytest.param(recording, id=path.stem))
    return found


def host_for(adapter: str, body: dict[str, Any]) -> Host:
    quirks = dict(ABLE.get(adapter, {}))
    said = json.dumps(body)
    if adapter == "openai":
        details = "reasoning_details" in said
        quirks["reasoning_back"] = "reasoning_details" if details else "reasoning_content"
        quirks["reasoning"] = (
            "openrouter" if body.get("reasoning", {}).get("max_tokens") else "effort"
        )
    if adapter == "anthropic":
        adaptive = (body.get("thinking") or {}).get("type") == "adaptive"
        quirks["thinking"] = "adaptive" if adaptive else "budget"
    if adapter == "gemini":
        budget = "thinkingBudget" in said or "thinking_budget" in said
        quirks["thinking"] = "budget" if budget else "level"
    provider = ProviderSpec(
        id="able", name="Able", description="", category="llm", adapter=adapter, auth=()
    )
    return Host(provider, ModelSpec(id="m", quirks=quirks, capabilities=("reasoning",)))


def built(recording: dict[str, Any]) -> WireRequest:
    name, body = recording["protocol"], recording["request"]["body"]
    protocol = PROTOCOLS[name]
    adapter = ADAPTERS[protocol.name]
    host = host_for(adapter.name, body)
    if name == EMBEDDINGS:
        return adapter.build_embedding(openai.PROTOCOL.parse_embedding(body), host)
    request = protocol.parse_request(body)
    if name == GEMINI:
        streams = ":stream" in recording["request"]["url"]
        request = replace(request, model="m", stream=streams)
    return adapter.build(request, host)


def answer(recording: dict[str, Any]) -> tuple[str, WireRequest | None]:
    """The member for whose sake the request is refused, or what would be sent."""
    try:
        return "", built(recording)
    except InvalidRequest as error:
        return (error.param or "").rpartition(".")[2], None


def without_open_thoughts(body: dict[str, Any]) -> None:
    """Thoughts that no provider sealed cannot be sent back in Responses, and this is reported."""
    body["input"] = [
        item
        for item in body["input"]
        if item.get("type") != "reasoning" or item.get("encrypted_content") or item.get("content")
    ]


def differences(before: Any, after: Any, path: str = "") -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in before.keys() | after.keys():
            here = f"{path}.{name}"
            if name not in before or name not in after:
                yield here
            else:
                yield from differences(before[name], after[name], here)
    elif isinstance(before, list) and isinstance(after, list):
        if len(before) != len(after):
            yield f"{path}.length"
        for index, (old, new) in enumerate(zip(before, after, strict=False)):
            yield from differences(old, new, f"{path}[{index}]")
    elif before != after:
        yield path


def told(path: str, changes: tuple[Change, ...]) -> bool:
    """Whether one of ``changes`` speaks of what differs at ``path``."""
    places = set(re.findall(r"\w+", path))
    for change in changes:
        words = re.findall(r"[a-z_]+", change.what)
        for word in words[-2:]:
            if places & {word, *ALIASES.get(word, ())}:
                return True
    return False


@pytest.mark.parametrize("recording", load(CHAT, RESPONSES, MESSAGES, GEMINI, EMBEDDINGS))
def test_nothing_is_lost_unreported(recording):
    body = recording["request"]["body"]
    refused, wire = answer(recording)
    if wire is None:
        assert refused in REFUSED
        return
    protocol = recording["protocol"]
    before, after = normal(body, protocol), normal(json.loads(wire.content() or b""), protocol)
    if any(change.what == "messages.reasoning" for change in wire.changes):
        without_open_thoughts(before)
    lost = [path for path in differences(before, after) if not told(path, wire.changes)]
    assert lost == [], (before, after)


@pytest.mark.parametrize("recording", load(*COUNTERS))
def test_counting_is_carried(recording):
    body = recording["request"]["body"]
    protocol = PROTOCOLS[recording["protocol"]]
    adapter = ADAPTERS[protocol.name]
    assert isinstance(adapter, Counting)
    wire = adapter.build_count(
        replace(protocol.parse_request(body), model="m"), host_for(adapter.name, body)
    )
    assert wire is not None
    assert wire.changes == ()
    said = recording["response"]
    if said["status"] == 200:
        reply = WireReply(200, {}, json.dumps(said["body"]).encode())
        given = said["body"].get("input_tokens", said["body"].get("totalTokens"))
        assert adapter.parse_count(reply, host_for(adapter.name, body)) == given


@pytest.mark.skipif("RECORDINGS_DIR" in os.environ, reason="other recordings need other rules")
@pytest.mark.parametrize("rule", [r for r in RULES if r.seen], ids=lambda rule: rule.reason)
def test_rule_is_needed(rule):
    """A rule that no recording needs hides what it should not; it takes something away somewhere."""
    recordings = [param.values[0] for param in load(*rule.protocols)]
    if not recordings[0]:
        pytest.skip(f"no recordings in {FOLDER}; set RECORDINGS_DIR")
    assert any(_applies(rule, recording) for recording in recordings)


def _applies(rule: Any, recording: dict[str, Any]) -> bool:
    protocol = recording["protocol"]
    others = [other for other in RULES[: RULES.index(rule)] if protocol in other.protocols]
    _, wire = answer(recording)
    if wire is None:
        return False
    for body in (recording["request"]["body"], json.loads(wire.content() or b"")):
        copy = json.loads(json.dumps(body))
        for other in others:
            other.apply(copy)
        seen = json.dumps(copy)
        rule.apply(copy)
        if json.dumps(copy) != seen:
            return True
    return False
