"""Ollama's own format: ``/api/chat``, ``/api/embed``, ``/api/tags``. ``ollama_request`` builds the chat."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from providers.adapters import ollama_request
from providers.adapters.base import Host
from providers.adapters.changes import Changes
from providers.adapters.explaining import explain, explain_value
from providers.adapters.reading import (
    PartNumbers,
    arguments_text,
    as_dict,
    as_int,
    as_list,
    as_str,
    made_up_id,
    reply_dict,
)
from providers.adapters.streaming import EventStream, cut
from providers.catalogue.spec import ModelSpec
from providers.chat import ChatRequest, ChatResponse, FinishReason
from providers.embedding import EmbeddingRequest, EmbeddingResponse
from providers.errors import CallError, InvalidRequest, ServerError
from providers.events import (
    Accumulator,
    Ended,
    Event,
    Failed,
    Finished,
    ReasoningDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    UsageReported,
)
from providers.framing.ndjson import NDJSONSplitter
from providers.usage import Usage
from providers.wire import WireReply, WireRequest

FORMAT = "ollama"

_FINISH: Mapping[str, FinishReason] = {"stop": "stop", "length": "length"}

Json = dict[str, Any]


class OllamaAdapter:
    name = FORMAT

    def build(self, request: ChatRequest, host: Host) -> WireRequest:
        return ollama_request.build(request, host)

    def parse(self, reply: WireReply, host: Host) -> ChatResponse:
        value = reply_dict(reply)
        if value.get("error"):
            raise explain_value(value)
        if not isinstance(value.get("message"), dict):
            raise _nonsense("message", reply)
        answer = Accumulator()
        answer.extend(_AnswerReader().read(value))
        return answer.response()

    def stream(self, host: Host) -> OllamaStream:
        return OllamaStream()

    def explain(self, reply: WireReply, host: Host) -> CallError:
        return explain(reply)

    def build_embedding(self, request: EmbeddingRequest, host: Host) -> WireRequest:
        path = host.path("embeddings", "/api/embed")
        if not path:
            raise InvalidRequest("This provider has no embeddings. Choose another integration.")
        changes = Changes()
        if not all(isinstance(item, str) for item in request.inputs):
            raise InvalidRequest("Ollama embeds texts, not lists of tokens.", param="input")
        body: Json = {"model": request.model, "input": list(request.inputs)}
        if request.dimensions is not None:
            body["dimensions"] = request.dimensions
        for name in ("user", "task"):
            if getattr(request, name) is not None:
                changes.dropped(name, "Ollama does not take it")
        changes.foreign_extras(request, FORMAT)
        own = request.extra.get(FORMAT, {})
        return WireRequest("POST", path, {**own, **body}, changes=changes.result())

    def parse_embedding(self, reply: WireReply, host: Host) -> EmbeddingResponse:
        value = reply_dict(reply)
        if value.get("error"):
            raise explain_value(value)
        vectors = as_list(value.get("embeddings"))
        if not vectors or not all(map(_is_vector, vectors)):
            raise _nonsense("embeddings", reply)
        used = value.get("prompt_eval_count")
        usage = Usage(input_tokens=as_int(used)) if isinstance(used, int) else None
        floats = tuple(tuple(map(float, vector)) for vector in vectors)
        return EmbeddingResponse(as_str(value.get("model")), floats, usage)

    def build_models(self, host: Host) -> WireRequest:
        path = host.path("models", "/api/tags")
        if not path:
            raise InvalidRequest("This provider has no list of models. Type the model's name.")
        return WireRequest("GET", path)

    def parse_models(self, reply: WireReply, host: Host) -> tuple[ModelSpec, ...]:
        items = reply_dict(reply).get("models")
        if not isinstance(items, list):
            raise _nonsense("models", reply)
        found = [_model(item) for item in map(as_dict, items)]
        return tuple({model.id: model for model in found if model.id}.values())


class OllamaStream(EventStream[str]):
    """Lines of JSON; the one with ``"done": true`` is the end, and a body without it was cut short."""

    def __init__(self) -> None:
        super().__init__(NDJSONSplitter())
        self._reader = _AnswerReader()

    def read(self, frame: str) -> Iterator[Event]:
        value = self.decode(frame)
        if value.get("error"):
            yield Failed(explain_value(value))
            return
        yield from self._reader.read(value)
        if value.get("done") is True:
            yield Ended()

    def finish(self) -> list[Event]:
        return [Failed(cut())]


class _AnswerReader:
    """The objects of an answer as events; a whole answer is one object that is done at once."""

    def __init__(self) -> None:
        self._started = False
        self._parts = PartNumbers()
        self._calls = 0
        self._created = ""

    def read(self, value: Json) -> Iterator[Event]:
        message = as_dict(value.get("message"))
        if not self._started:
            self._started = True
            self._created = as_str(value.get("created_at"))
            yield Started("", as_str(value.get("model")))
        if text := as_str(message.get("thinking")):
            yield ReasoningDelta(self._parts.number("reasoning"), text)
        if text := as_str(message.get("content")):
            yield TextDelta(self._parts.number("text"), text)
        for call in map(as_dict, as_list(message.get("tool_calls"))):
            yield self._tool_call(call)
        if value.get("done") is True:
            yield from self._done(value)

    def _tool_call(self, call: Json) -> Event:
        """Calls come whole. Older servers give no id: one is made from when the answer began."""
        function = as_dict(call.get("function"))
        number, self._calls = self._calls, self._calls + 1
        return ToolCallDelta(
            part=self._parts.number("tool_call", key=number),
            arguments=arguments_text(function.get("arguments")),
            id=as_str(call.get("id")) or made_up_id(self._created, number, function),
            name=as_str(function.get("name")),
        )

    def _done(self, value: Json) -> Iterator[Event]:
        raw = as_str(value.get("done_reason"))
        reason = _FINISH.get(raw, "unknown")
        # Ollama says "stop" for tool calls too; whoever loops over tools must see the difference.
        if self._calls and reason == "stop":
            reason = "tool_calls"
        yield Finished(reason, raw=raw or None)
        if "eval_count" in value or "prompt_eval_count" in value:
            # A prompt that was in the server's cache is not counted at all.
            read, written = as_int(value.get("prompt_eval_count")), as_int(value.get("eval_count"))
            yield UsageReported(Usage(input_tokens=read, output_tokens=written))


def _nonsense(field: str, reply: WireReply) -> ServerError:
    return ServerError(
        "The answer is not Ollama's. Check the integration's base URL (without /v1 or /api).",
        detail=f"no usable {field!r} in {reply.body[:500].decode('utf-8', 'replace')}",
        upstream_status=reply.status,
    )


def _is_vector(value: object) -> bool:
    return bool(as_list(value)) and all(type(n) in (int, float) for n in as_list(value))


def _model(item: Json) -> ModelSpec:
    name = as_str(item.get("model")) or as_str(item.get("name"))
    families = as_list(as_dict(item.get("details")).get("families"))
    embeds = "embed" in name or any("bert" in as_str(family) for family in families)
    return ModelSpec(id=name, kind="embedding" if embeds else "chat")
