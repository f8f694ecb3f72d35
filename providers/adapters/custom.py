"""A person's own provider, driven by data: a template of the request and paths into the answer.

``custom_mapping`` says what a mapping may hold, ``custom_request`` fills the template, ``custom_answer`` reads what
comes back, ``custom_paths`` is the language of the paths. The mapping is the integration's (``host.mapping``) or, for
a provider that brings one along, the quirk ``mapping``.
"""

from __future__ import annotations

from providers.adapters import custom_answer, custom_request
from providers.adapters.base import Host, StreamParser
from providers.adapters.custom_mapping import BadMapping, CustomMapping, read
from providers.adapters.explaining import explain
from providers.catalogue.spec import ModelSpec
from providers.chat import ChatRequest, ChatResponse
from providers.embedding import EmbeddingRequest, EmbeddingResponse
from providers.errors import CallError, InvalidRequest
from providers.wire import WireReply, WireRequest


class CustomAdapter:
    name = custom_request.NAME

    def build(self, request: ChatRequest, host: Host) -> WireRequest:
        return custom_request.build(request, host, mapping_of(host))

    def parse(self, reply: WireReply, host: Host) -> ChatResponse:
        return custom_answer.parse(reply, mapping_of(host))

    def stream(self, host: Host) -> StreamParser:
        return custom_answer.stream(mapping_of(host))

    def explain(self, reply: WireReply, host: Host) -> CallError:
        try:
            found = custom_answer.explain(reply, mapping_of(host))
        except InvalidRequest:
            found = None
        return found or explain(reply)

    def build_embedding(self, request: EmbeddingRequest, host: Host) -> WireRequest:
        raise InvalidRequest(
            "A mapping of one's own has no embeddings. Choose another integration."
        )

    def parse_embedding(self, reply: WireReply, host: Host) -> EmbeddingResponse:
        raise InvalidRequest(
            "A mapping of one's own has no embeddings. Choose another integration."
        )

    def build_models(self, host: Host) -> WireRequest:
        raise InvalidRequest("This provider has no list of models. Type the model's name.")

    def parse_models(self, reply: WireReply, host: Host) -> tuple[ModelSpec, ...]:
        return ()


def mapping_of(host: Host) -> CustomMapping:
    """The mapping that holds for ``host``; raises InvalidRequest where it cannot be used."""
    found = host.mapping
    try:
        if found is None:
            found = read(host.quirk("mapping"))
    except BadMapping as error:
        found = error
    if isinstance(found, CustomMapping):
        return found
    raise InvalidRequest(f"This integration's mapping cannot be used: {found} Correct it.")
