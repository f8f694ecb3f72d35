"""Embeddings in OpenAI's format.

Quirks read here (a model's quirk wins over its provider's):

======== ==================================================================================================
drop     names of parameters (in our words, and ``encoding_format``) that the host refuses
encoding how the host packs vectors when it cannot send numbers: ``base64_int8``, whole numbers of one byte
rename   our name to the host's; without one for ``task`` the host knows no tasks
tasks    our tasks to the host's words, e.g. ``{query = "retrieval.query"}``; others are left out
======== ==================================================================================================
"""

from __future__ import annotations

import base64
import binascii
import struct
from typing import Any

from providers.adapters.base import Host
from providers.adapters.changes import Changes
from providers.adapters.explaining import explain_value
from providers.adapters.openai_answer import failed
from providers.adapters.openai_pieces import FORMAT
from providers.adapters.openai_usage import read_usage
from providers.adapters.reading import (
    as_dict,
    as_int,
    as_list,
    as_names,
    as_str,
    number_rows,
    reply_dict,
)
from providers.embedding import EmbeddingRequest, EmbeddingResponse
from providers.errors import InvalidRequest, ServerError
from providers.wire import WireReply, WireRequest

Json = dict[str, Any]

_INT8 = "base64_int8"


def build(request: EmbeddingRequest, host: Host) -> WireRequest:
    """Raises InvalidRequest where the provider has no embeddings."""
    path = host.path("embeddings", "/embeddings")
    if not path:
        raise InvalidRequest("This provider has no embeddings. Choose another integration.")
    changes = Changes()
    said = {
        "encoding_format": as_str(host.quirk("encoding")) or "float",
        "dimensions": request.dimensions,
        "user": request.user,
        "task": _task(request.task, host, changes),
    }
    refused = as_names(host.quirk("drop"))
    rename = as_dict(host.quirk("rename"))
    body: Json = {"model": request.model, "input": list(request.inputs)}
    for name, value in said.items():
        if value is None or (name == "encoding_format" and name in refused):
            continue
        if name in refused or (name == "task" and "task" not in rename):
            changes.dropped(name, "the model does not take it")
        else:
            body[as_str(rename.get(name)) or name] = value
    changes.foreign_extras(request, FORMAT)
    own = request.extra.get(FORMAT, {})
    return WireRequest("POST", path, {**own, **body}, changes=changes.result())


def parse(reply: WireReply, host: Host) -> EmbeddingResponse:
    value = reply_dict(reply)
    if failed(value):
        raise explain_value(value)
    items = [as_dict(item) for item in as_list(value.get("data"))]
    items.sort(key=lambda item: as_int(item.get("index")))
    small = host.quirk("encoding") == _INT8
    vectors = number_rows([_vector(item.get("embedding"), small) for item in items])
    if not vectors:
        raise ServerError(
            "The provider's answer lacks what it should hold. Check the integration's base URL.",
            detail=f"no usable vectors in {reply.body[:500].decode('utf-8', 'replace')}",
            upstream_status=reply.status,
        )
    return EmbeddingResponse(as_str(value.get("model")), vectors, read_usage(value.get("usage")))


def _task(task: str | None, host: Host, changes: Changes) -> str | None:
    words = as_dict(host.quirk("tasks"))
    if task is None or not words or task in words.values():
        return task
    if task not in words:
        changes.dropped("task", f"the model knows {', '.join(words)}")
        return None
    return as_str(words[task])


def _vector(value: object, small: bool) -> object:
    """Numbers, or base64 of 32-bit little-endian floats, which some hosts send unasked; ``small``: of signed bytes."""
    if not isinstance(value, str):
        return value
    try:
        data = base64.b64decode(value, validate=True)
        form = f"<{len(data)}b" if small else f"<{len(data) // 4}f"
        return list(struct.unpack(form, data))
    except (binascii.Error, struct.error, ValueError):
        return None
