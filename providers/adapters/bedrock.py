"""Amazon Bedrock's Converse (https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html).

The request is in ``bedrock_request``, its conversation in ``bedrock_messages``, answers in ``bedrock_answer``,
streams in ``bedrock_stream``, embeddings (which Converse has none of) in ``bedrock_embedding``.
"""

from __future__ import annotations

from providers.adapters import bedrock_answer, bedrock_embedding, bedrock_errors, bedrock_request
from providers.adapters.base import Host, StreamParser
from providers.adapters.bedrock_stream import BedrockStream
from providers.adapters.reading import as_dict, reply_dict
from providers.catalogue.spec import ModelSpec
from providers.chat import ChatRequest, ChatResponse
from providers.embedding import EmbeddingRequest, EmbeddingResponse
from providers.errors import CallError, InvalidRequest, ServerError
from providers.wire import WireReply, WireRequest


class BedrockAdapter:
    name = bedrock_request.NAME

    def build(self, request: ChatRequest, host: Host) -> WireRequest:
        return bedrock_request.build(request, host)

    def parse(self, reply: WireReply, host: Host) -> ChatResponse:
        body = reply_dict(reply)
        if not isinstance(as_dict(as_dict(body.get("output")).get("message")).get("content"), list):
            raise ServerError(
                "The provider's answer is not a message. Check the integration's base URL.",
                detail=reply.body[:500].decode("utf-8", "replace"),
                upstream_status=reply.status,
            )
        return bedrock_answer.response(body, reply.headers, host)

    def stream(self, host: Host) -> StreamParser:
        return BedrockStream(host.model.id if host.model else "")

    def explain(self, reply: WireReply, host: Host) -> CallError:
        return bedrock_errors.explain(reply)

    def build_embedding(self, request: EmbeddingRequest, host: Host) -> WireRequest:
        return bedrock_embedding.build(request, host)

    def parse_embedding(self, reply: WireReply, host: Host) -> EmbeddingResponse:
        return bedrock_embedding.parse(reply, host)

    def build_models(self, host: Host) -> WireRequest:
        raise InvalidRequest(
            "Bedrock lists its models at another address, which is never given the key. "
            "Choose one of the catalogue, or type the model's id or ARN."
        )

    def parse_models(self, reply: WireReply, host: Host) -> tuple[ModelSpec, ...]:
        raise ServerError("Bedrock's list of models is not asked for.")
