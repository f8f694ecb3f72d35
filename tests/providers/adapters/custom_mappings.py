"""A mapping for a format that resembles nobody's, and pieces to change it with."""

from __future__ import annotations

import copy
from typing import Any

from providers.adapters.base import Host
from providers.adapters.custom_mapping import CustomMapping, Stream, read
from providers.catalogue.spec import Auth, ProviderSpec

SPEC = ProviderSpec(
    id="own",
    name="Own",
    description="",
    category="custom",
    adapter="custom",
    auth=(Auth(id="none", type="none", label="", place="none"),),
)

MAPPING: dict[str, Any] = {
    "path": "/v2/say",
    "request": {
        "engine": {"$": "model"},
        "turns": {
            "$": "messages",
            "role": "who",
            "content": "words",
            "roles": {"assistant": "machine"},
        },
        "settings": {"heat": {"$": "temperature"}, "limit": {"$": "max_tokens"}},
        "slowly": {"$": "stream"},
        "version": 2,
    },
    "answer": {
        "text": "/out/*/say",
        "finish": "/why",
        "finish_words": {"END": "stop", "CUT": "length"},
        "usage": {"input": "/count/read", "output": "/count/wrote"},
        "error": "/fault/words",
        "model": "/engine",
    },
    "stream": {"framing": "ndjson", "text": "/bit", "end": {"path": "/over"}},
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """MAPPING with the member at ``answer.text`` (say) set; None removes it."""
    mapping = copy.deepcopy(MAPPING)
    *holders, name = path.split(".")
    place = mapping
    for holder in holders:
        place = place[holder]
    if value is None:
        place.pop(name, None)
    else:
        place[name] = value
    return mapping


def streaming(mapping: dict[str, Any] = MAPPING) -> Stream:
    """The stream of a mapping that has one."""
    stream = read(mapping).stream
    assert stream
    return stream


def host(mapping: dict[str, Any] | CustomMapping = MAPPING) -> Host:
    return Host(SPEC, mapping=read(mapping) if isinstance(mapping, dict) else mapping)
