"""One call as a person reads it: every field of its usage record, in words and in groups."""

from __future__ import annotations

from dataclasses import dataclass

from aiproxy.models import UsageRecord
from marketplace import journey
from marketplace.templatetags.ui import duration, money, words
from providers.registry import catalogue

_COUNTED = {
    "provider": "counted by the provider",
    "estimated": "estimated here from what was sent and received",
    "none": "not counted",
}
_DIALECTS = {
    "native": "This server’s own",
    "openai": "OpenAI",
    "anthropic": "Anthropic",
    "gemini": "Gemini",
}


@dataclass(frozen=True, slots=True)
class Fact:
    label: str
    text: str
    code: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    title: str
    facts: list[Fact]


def of_call(call: UsageRecord) -> list[Group]:
    return [
        Group("Call", _call(call)),
        Group("Tokens and cost", _cost(call)),
        Group("Time", _time(call)),
    ]


def _call(call: UsageRecord) -> list[Fact]:
    provider = catalogue().get(call.provider_id)
    token = (
        f"{call.token.name} ({call.token.masked})"
        if call.token
        else "None: a signed-in person, or deleted"
    )
    return [
        Fact("Model", call.model or "–", code=True),
        Fact("Asked for", call.requested_model or "–", code=True),
        Fact("Provider", provider.name if provider else call.provider_id or "–"),
        Fact("Integration", call.integration_name or "–"),
        Fact("Access token", token),
        Fact("Operation", words(call.operation) + (", streamed" if call.stream else "")),
        Fact("Format", _DIALECTS.get(call.dialect, call.dialect)),
        Fact("Outcome", "OK" if call.outcome == UsageRecord.OK else words(call.outcome)),
        Fact("HTTP status", str(call.http_status or "–")),
        Fact("Finish reason", words(call.finish) or "–"),
        Fact("Request id", call.request_id, code=True),
    ]


def _cost(call: UsageRecord) -> list[Fact]:
    unknown = "Unpriced: no price is known for this model"
    if call.cost is None and call.usage_source == "none":
        unknown = "–"
    return [
        Fact("Input", f"{call.input_tokens:,}"),
        Fact("– of these from the cache", f"{call.cached_tokens:,}"),
        Fact("– written to the cache", f"{call.cache_write_tokens:,}"),
        Fact("Output", f"{call.output_tokens:,}"),
        Fact("– of these for reasoning", f"{call.reasoning_tokens:,}"),
        Fact("Tokens are", _COUNTED.get(call.usage_source, call.usage_source)),
        Fact("Cost", unknown if call.cost is None else money(call.cost)),
        Fact("Price from", call.price_source or "–"),
    ]


def _time(call: UsageRecord) -> list[Fact]:
    held, between = call.queued_ms, journey.between(call)
    return [
        Fact("In all", duration(call.latency_ms)),
        Fact("To the first token", duration(call.first_token_ms)),
        Fact("At the provider", duration(journey.outside(call))),
        Fact("In this server", duration(journey.inside(call))),
        *([Fact("Waiting for a limit", duration(held))] if held else []),
        *([Fact("Waiting between attempts", duration(between))] if between else []),
        Fact("Attempts", str(call.attempts)),
    ]
