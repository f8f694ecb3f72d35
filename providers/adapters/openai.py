"""OpenAI's chat completions, embeddings and model list, which most hosts speak; where they differ
is data.

``openai_request`` builds a chat (and lists the quirks), ``openai_messages`` its conversation,
``openai_answer`` reads what comes back, ``openai_usage`` the tokens, ``openai_embedding`` the vectors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from providers.adapters import openai_embedding, openai_request
from providers.adapters.base import Host, StreamParser
from providers.adapters.explaining import explain, explain_value
from providers.adapters.openai_answer import AnswerReader, ChatStream, failure_in, plain_answer
from providers.adapters.openai_pieces import FORMAT
from providers.adapters.reading import (
    as_dict,
    as_list,
    as_names,
    as_str,
    decode,
    first_int,
    reply_dict,
)
from providers.catalogue.spec import Feature, ModelSpec
from providers.chat import ChatRequest, ChatResponse
from providers.embedding import EmbeddingRequest, EmbeddingResponse
from providers.errors import CallError, InvalidRequest, ServerError
from providers.events import Accumulator
from providers.wire import WireReply, WireRequest

Json = dict[str, Any]


class OpenAIAdapter:
    name = FORMAT

    def build(self, request: ChatRequest, host: Host) -> WireRequest:
        return openai_request.build(request, host)

    def parse(self, reply: WireReply, host: Host) -> ChatResponse:
        if (plain := plain_answer(reply.body)) is not None:
            return plain
        value = reply_dict(reply)
        failure = failure_in(value)
        if failure is not None:
            raise explain_value(failure)
        if not isinstance(value.get("choices"), list):
            raise _nonsense("choices", reply)
        reader, answer = AnswerReader(whole=True), Accumulator()
        answer.extend(reader.chunk(value))
        answer.extend(reader.end())
        return answer.response()

    def stream(self, host: Host) -> StreamParser:
        return ChatStream()

    def explain(self, reply: WireReply, host: Host) -> CallError:
        return explain(reply)

    def build_embedding(self, request: EmbeddingRequest, host: Host) -> WireRequest:
        return openai_embedding.build(request, host)

    def parse_embedding(self, reply: WireReply, host: Host) -> EmbeddingResponse:
        return openai_embedding.parse(reply, host)

    def build_models(self, host: Host) -> WireRequest:
        path = host.path("models", "/models")
        if not path:
            raise InvalidRequest("This provider has no list of models. Type the model's name.")
        return WireRequest("GET", path)

    def parse_models(self, reply: WireReply, host: Host) -> tuple[ModelSpec, ...]:
        try:
            value = decode(reply.body)
        except ValueError:
            value = None
        # Together answers a bare list.
        items = value if isinstance(value, list) else as_dict(value).get("data")
        if not isinstance(items, list):
            raise _nonsense("data", reply)
        models = {as_str(item.get("id")): _model(item) for item in map(as_dict, items)}
        return tuple(model for name, model in models.items() if name)


def _nonsense(field: str, reply: WireReply) -> ServerError:
    return ServerError(
        "The provider's answer lacks what it should hold. Check the integration's base URL.",
        detail=f"no usable {field!r} in {reply.body[:500].decode('utf-8', 'replace')}",
        upstream_status=reply.status,
    )


# --- models ---------------------------------------------------------------------------------------

Kind = Literal["chat", "embedding", "image", "speech", "other"]

_KINDS: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    ("embedding", ("embed", "bge-", "e5-", "gte-")),
    ("speech", ("whisper", "tts", "transcribe", "audio-preview", "voxtral", "playai", "orpheus")),
    ("image", ("dall-e", "gpt-image", "imagen", "flux", "stable-diffusion", "sora")),
    ("other", ("moderation", "rerank", "ocr", "guard", "davinci-002", "babbage-002", "realtime")),
)


_OUTPUTS: Mapping[str, Kind] = {
    "embeddings": "embedding",
    "image": "image",
    "audio": "speech",
    "speech": "speech",
}


def _kind(item: Json) -> Kind:
    """What a model is for: as the list says (OpenRouter, Together), else by the words in its id."""
    outputs = as_names(as_dict(item.get("architecture")).get("output_modalities"))
    if outputs:
        return "chat" if "text" in outputs else _OUTPUTS.get(outputs[0], "other")
    said = as_str(item.get("type")).lower()
    if "embed" in said:
        return "embedding"
    if said in ("chat", "llm", "vlm", "language"):
        return "chat"
    if said in ("image", "audio", "rerank", "moderation"):
        return _OUTPUTS.get(said, "other")
    name = as_str(item.get("id")).lower()
    return next((kind for kind, words in _KINDS if any(word in name for word in words)), "chat")


def _model(item: Json) -> ModelSpec:
    top = as_dict(item.get("top_provider"))
    return ModelSpec(
        id=as_str(item.get("id")),
        name=as_str(item.get("name")) or as_str(item.get("display_name")),
        kind=_kind(item),
        context=first_int(
            item.get("context_length"),
            item.get("context_window"),  # Groq
            item.get("max_context_length"),  # Mistral, LM Studio
            item.get("max_model_len"),  # vLLM
            as_dict(item.get("meta")).get("n_ctx_train"),  # llama.cpp
        ),
        max_output=first_int(
            item.get("max_completion_tokens"),
            top.get("max_completion_tokens"),
            item.get("max_output"),
        ),
        capabilities=_capabilities(item),
    )


_PARAMETERS: dict[str, Feature] = {
    "tools": "tools",
    "reasoning": "reasoning",
    "structured_outputs": "structured_output",
}
_FLAGS: dict[str, Feature] = {
    "completion_chat": "chat",
    "function_calling": "tools",
    "vision": "vision",
    "reasoning": "reasoning",
}


def _capabilities(item: Json) -> tuple[Feature, ...]:
    """What OpenRouter (supported_parameters, architecture) and Mistral (capabilities) tell."""
    found: list[Feature] = []
    said = item.get("supported_parameters")
    found += [_PARAMETERS[name] for name in map(str, as_list(said)) if name in _PARAMETERS]
    flags = as_dict(item.get("capabilities"))
    found += [feature for name, feature in _FLAGS.items() if flags.get(name) is True]
    if "image" in as_list(as_dict(item.get("architecture")).get("input_modalities")):
        found.append("vision")
    return tuple(dict.fromkeys(found))
