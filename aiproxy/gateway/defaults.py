"""What an integration says when the caller says nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from aiproxy.gateway.call import Target
from providers.chat import ChatRequest, Message, Text

_T = TypeVar("_T")


def apply(request: ChatRequest, target: Target) -> ChatRequest:
    """``request`` for the target's own model name, with the integration's defaults where the caller is silent."""
    defaults = target.connection.defaults
    if not defaults:
        return replace(request, model=target.model)
    system = defaults.get("system_prompt")
    messages = request.messages
    if system and not any(message.role == "system" for message in messages):
        messages = (Message("system", (Text(system),)), *messages)
    return replace(
        request,
        model=target.model,
        messages=messages,
        temperature=_or(request.temperature, defaults.get("temperature")),
        top_p=_or(request.top_p, defaults.get("top_p")),
        max_tokens=_or(request.max_tokens, defaults.get("max_tokens")),
    )


def _or(said: _T | None, default: _T | None) -> _T | None:
    return default if said is None else said
