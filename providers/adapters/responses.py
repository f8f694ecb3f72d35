"""OpenAI's Responses, for models that chat completions does not serve.

``responses_request`` builds a chat (and lists the quirks), ``responses_input`` its conversation, ``responses_answer``
reads what comes back. Embeddings, the list of models and errors are those of chat completions: the same hosts serve
both. A model or a provider takes this format with the quirk ``adapter = "responses"``.
"""

from __future__ import annotations

from providers.adapters import responses_request
from providers.adapters.base import Host
from providers.adapters.explaining import explain_value
from providers.adapters.openai import OpenAIAdapter
from providers.adapters.reading import reply_dict
from providers.adapters.responses_answer import FORMAT, OutputReader, ResponseStream, failed
from providers.chat import ChatRequest, ChatResponse
from providers.errors import ServerError
from providers.events import Accumulator
from providers.wire import WireReply, WireRequest


class ResponsesAdapter(OpenAIAdapter):
    name = FORMAT

    def build(self, request: ChatRequest, host: Host) -> WireRequest:
        return responses_request.build(request, host)

    def parse(self, reply: WireReply, host: Host) -> ChatResponse:
        value = reply_dict(reply)
        if failed(value):
            raise explain_value(value)
        if not isinstance(value.get("output"), list):
            raise ServerError(
                "The provider's answer lacks what it should hold. Check the integration's base URL.",
                detail=f"no usable 'output' in {reply.body[:500].decode('utf-8', 'replace')}",
                upstream_status=reply.status,
            )
        reader, answer = OutputReader(), Accumulator()
        answer.extend(reader.start(value))
        answer.extend(reader.end(value))
        return answer.response()

    def stream(self, host: Host) -> ResponseStream:
        return ResponseStream()
