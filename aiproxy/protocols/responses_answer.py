"""The objects of Responses: the answer, its items and their pieces, which streams share with whole answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aiproxy.protocols import openai_answer
from aiproxy.protocols.base import Context, JsonObject, prefixed
from aiproxy.protocols.responses_input import NAME
from aiproxy.protocols.sealing import seal
from providers.chat import (
    ChatResponse,
    Choice,
    Citation,
    FinishReason,
    Image,
    Json,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    State,
    Text,
    ToolCall,
)
from providers.errors import (
    CallError,
    ContentBlocked,
    InvalidRequest,
    QuotaExceeded,
    RateLimited,
)
from providers.usage import Usage

REPEATED: Mapping[str, Json] = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "store": False,
    "temperature": None,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": None,
    "truncation": "disabled",
    "user": None,
}
"""Members of a request that its answer repeats, and what stands there when the caller was silent."""

STATUS: Mapping[FinishReason, tuple[str, str | None]] = {
    "length": ("incomplete", "max_output_tokens"),
    "content_filter": ("incomplete", "content_filter"),
    "error": ("failed", None),
}
"""The status and, where the answer is incomplete, the reason; all others are ``completed``."""

ERROR_CODES: Mapping[type[CallError], str] = {
    RateLimited: "rate_limit_exceeded",
    QuotaExceeded: "rate_limit_exceeded",
    InvalidRequest: "invalid_prompt",
    ContentBlocked: "invalid_prompt",
}
"""The few words that clients accept for a failed answer; all others are ``server_error``."""


def response(answer: ChatResponse, context: Context) -> JsonObject:
    """A whole answer: the first choice, as this format has no others."""
    choice = answer.choices[0] if answer.choices else Choice((), "unknown")
    status, _ = STATUS.get(choice.finish, ("completed", None))
    output = items(choice.parts, context.id)
    if status != "completed" and output and "status" in output[-1]:
        output[-1]["status"] = "incomplete"
    return finished(choice.finish, output, answer.usage, context)


def envelope(context: Context, status: str, output: Sequence[JsonObject] = ()) -> JsonObject:
    """The response object without its end."""
    said = context.style.repeated
    return {
        "id": prefixed("resp_", context.id),
        "object": "response",
        "created_at": context.created,
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": None,
        "model": context.model,
        "output": list(output),
        "previous_response_id": None,
        **{name: said.get(name, default) for name, default in REPEATED.items()},
        "usage": None,
    }


def finished(
    finish: FinishReason, output: Sequence[JsonObject], usage: Usage | None, context: Context
) -> JsonObject:
    status, reason = STATUS.get(finish, ("completed", None))
    whole = envelope(context, status, output)
    if reason:
        whole["incomplete_details"] = {"reason": reason}
    if status == "failed":
        message = "The provider ended the answer with an error. Try again."
        whole["error"] = {"code": "server_error", "message": message}
    whole["usage"] = usage_object(usage or Usage())
    return whole


def failed(error: CallError, output: Sequence[JsonObject], context: Context) -> JsonObject:
    """The response of a stream that broke."""
    codes = (code for cls, code in ERROR_CODES.items() if isinstance(error, cls))
    whole = envelope(context, "failed", output)
    whole["error"] = {"code": next(codes, "server_error"), "message": error.message}
    return whole


# --- items ----------------------------------------------------------------------------------------


def items(parts: Iterable[Part], answer_id: str) -> list[JsonObject]:
    """The output: words that follow each other are one message."""
    output: list[JsonObject] = []
    for part in parts:
        number = len(output)
        if isinstance(part, Text | Refusal):
            last = output[-1] if output else {}
            if last.get("type") != "message" or last.get("phase", "") != phase(part.state):
                last = message(item_id("msg", answer_id, number), part.state)
                output.append(last)
            last["content"].append(piece(part))
        elif (made := item(part, answer_id, number)) is not None:
            output.append(made)
    return output


def item_id(kind: str, answer_id: str, number: int) -> str:
    return f"{kind}_{answer_id}_{number}"


def message(identity: str, state: State, status: str = "completed") -> JsonObject:
    said = phase(state)
    return {
        "id": identity,
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": [],
        **({"phase": said} if said else {}),
    }


def phase(state: State) -> str:
    """Whether a text is a remark on the way or the answer, as OpenAI's newer models tell."""
    said = own(state).get("phase")
    return said if isinstance(said, str) else ""


def item(part: Part, answer_id: str, number: int) -> JsonObject | None:
    """The item of any other part; None for another provider's own blocks."""
    match part:
        case Reasoning():
            return reasoning(item_id("rs", answer_id, number), part.text, part.state)
        case ToolCall():
            return call(part, answer_id, number)
        case Image() if part.data:
            identity = item_id("ig", answer_id, number)
            shell = {"id": identity, "type": "image_generation_call", "status": "completed"}
            return {**shell, **own(part.state), "result": part.data}
        case Opaque() if own(part.state):
            return dict(own(part.state))
        case _:
            return None


def piece(part: Text | Refusal) -> JsonObject:
    """A part of a message."""
    if isinstance(part, Refusal):
        return {"type": "refusal", "refusal": part.text}
    notes = [note for citation in part.citations if (note := annotation(citation))]
    return {**text_piece(part.text, notes), **foreign(part.state)}


def text_piece(text: str, annotations: Sequence[JsonObject] = ()) -> JsonObject:
    return {
        "type": "output_text",
        "text": text,
        "annotations": list(annotations),
        "logprobs": [],
    }


def reasoning(identity: str, text: str, state: State) -> JsonObject:
    """A thought: as the provider wrote its item, where it speaks this format."""
    if mine := own(state):
        summary = [{"type": "summary_text", "text": text}] if text else []
        return {"id": identity, "summary": summary, **mine, "type": "reasoning"}
    return own_reasoning(identity, text, state)


def own_reasoning(identity: str, text: str, state: State) -> JsonObject:
    """A thought under an id of ours. What a provider sealed stands where OpenAI's encrypted reasoning does;
    OpenAI's own too, for it is refused under another id than its own.
    """
    summary = [{"type": "summary_text", "text": text}] if text else []
    sealed = {"encrypted_content": seal(state)} if state else {}
    return {"id": identity, "type": "reasoning", "summary": summary, **sealed}


def call(part: ToolCall, answer_id: str, number: int, status: str = "completed") -> JsonObject:
    mine = {name: value for name, value in own(part.state).items() if name != "type"}
    if is_custom(part.state):
        return {
            "id": item_id("ctc", answer_id, number),
            "type": "custom_tool_call",
            "status": status,
            "call_id": part.id,
            "name": part.name,
            "input": part.arguments,
        }
    return {
        "id": item_id("fc", answer_id, number),
        "type": "function_call",
        "status": status,
        "call_id": part.id,
        "name": part.name,
        "arguments": part.arguments,
        **mine,
        **foreign(part.state),
    }


def is_custom(state: State) -> bool:
    """Whether a call is one of a tool that takes plain text."""
    return openai_answer.own(state).get("type") == "custom"


def own(state: State) -> Mapping[str, Any]:
    """What providers of this format keep in ``state``."""
    value = state.get(NAME)
    return value if isinstance(value, Mapping) else {}


def foreign(state: State) -> JsonObject:
    """What other formats' providers want back with a part, in a member of its own."""
    rest = {name: value for name, value in state.items() if name != NAME}
    return {"state": rest} if rest else {}


def annotation(citation: Citation) -> JsonObject | None:
    """A citation, or None where it has no address to show. It counts within its own text, as ours do."""
    if mine := own(citation.state):
        return dict(mine)
    if not citation.url:
        return None
    return {
        "type": "url_citation",
        "url": citation.url,
        "title": citation.title or "",
        "start_index": citation.start or 0,
        "end_index": citation.end or 0,
    }


def usage_object(usage: Usage) -> JsonObject:
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cached_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.total_tokens,
    }
