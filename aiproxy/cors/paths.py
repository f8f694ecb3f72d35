"""Which of a provider's own addresses the relay carries, as data. Pure.

What is carried is what models do for one call: chats, pictures, sound, vectors, and the lists of what there is. What is
not: whatever changes an account or a server (fine-tuning, organisations, Ollama's pulling and deleting of models), and
work that is paid for later and elsewhere (batches), which no usage record could tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal
from urllib.parse import quote, unquote

from aiproxy.errors import PathRefused
from integrations.live import Connection
from providers.adapters.custom_mapping import CustomMapping
from providers.errors import InvalidRequest

Kind = Literal["chat", "embeddings", ""]


@dataclass(frozen=True, slots=True)
class Rule:
    """One address. ``*`` is a segment or a part of one, ``**`` several, ``{model}`` a segment that names the model.

    ``format`` is the adapter that can read the answer of that ``kind``; without one nothing is known of its usage.
    ``stored``: it is about what the provider keeps for its account, which people who share a key do not share.
    """

    method: str
    pattern: str
    format: str = ""
    kind: Kind = ""
    stored: bool = False

    def match(self, method: str, path: str) -> re.Match[str] | None:
        return _expression(self.pattern).fullmatch(path) if method == self.method else None


def _post(*patterns: str) -> tuple[Rule, ...]:
    return tuple(Rule("POST", pattern) for pattern in patterns)


def _get(*patterns: str) -> tuple[Rule, ...]:
    return tuple(Rule("GET", pattern) for pattern in patterns)


def _read(format: str, kind: Kind, *patterns: str) -> tuple[Rule, ...]:
    return tuple(Rule("POST", pattern, format, kind) for pattern in patterns)


_FILES = (
    Rule("GET", "files", stored=True),
    Rule("GET", "files/*", stored=True),
    Rule("POST", "files", stored=True),
)

_OPENAI = (
    *_read("openai", "chat", "chat/completions"),
    *_read("responses", "chat", "responses"),
    *_read("anthropic", "chat", "messages"),
    *_read("openai", "embeddings", "embeddings"),
    *_post("completions", "fim/completions", "responses/input_tokens"),
    *_post("messages/count_tokens", "images/*", "audio/*", "moderations", "rerank", "ocr"),
    *_get("models", "models/**"),
    Rule("GET", "responses/*", stored=True),
    Rule("POST", "responses/*/cancel", stored=True),
    *_FILES,
)

# By adapter. A leading version (``v1/``) is taken off before, for whether it stands here or in the integration's
# address is different from host to host.
_BY_FORMAT: dict[str, tuple[Rule, ...]] = {
    "openai": _OPENAI,
    "responses": _OPENAI,
    "anthropic": (
        *_read("anthropic", "chat", "messages"),
        *_read("openai", "chat", "chat/completions"),
        *_post("messages/count_tokens"),
        *_get("models", "models/*"),
        *_FILES,
    ),
    "gemini": (
        *_read("gemini", "chat", "models/{model}:generateContent"),
        *_read("gemini", "chat", "models/{model}:streamGenerateContent"),
        *_read("gemini", "embeddings", "models/{model}:embedContent"),
        *_read("gemini", "embeddings", "models/{model}:batchEmbedContents"),
        *_post("models/{model}:countTokens", "models/{model}:predict"),
        *_read("openai", "chat", "openai/chat/completions"),
        *_read("openai", "embeddings", "openai/embeddings"),
        *_get("models", "models/*", "openai/models", "openai/models/**"),
    ),
    "ollama": (
        *_read("ollama", "chat", "api/chat"),
        *_read("ollama", "embeddings", "api/embed"),
        *_post("api/generate", "api/embeddings", "api/show"),
        *_get("api/tags", "api/ps", "api/version"),
        *_OPENAI,
    ),
    "cohere": (
        *_read("cohere", "chat", "chat"),
        *_read("cohere", "embeddings", "embed"),
        *_post("rerank", "classify", "tokenize", "detokenize"),
        *_get("models", "models/*"),
    ),
    "bedrock": (
        *_read("bedrock", "chat", "model/{model}/converse", "model/{model}/converse-stream"),
        *_post("model/{model}/invoke", "model/{model}/invoke-with-response-stream"),
        *_post("model/{model}/count-tokens"),
    ),
}

# Of the paths that a provider's own data names, those that belong here.
_OPERATIONS: dict[str, tuple[str, Kind]] = {
    "chat": ("POST", "chat"),
    "chat_stream": ("POST", "chat"),
    "embeddings": ("POST", "embeddings"),
    **dict.fromkeys(
        ("count", "count_tokens", "fim", "image", "invoke", "messages", "multimodal", "ocr"),
        ("POST", ""),
    ),
    **dict.fromkeys(
        ("rerank", "responses", "search", "speech", "token_estimate", "transcription"),
        ("POST", ""),
    ),
    "translation": ("POST", ""),
    "models": ("GET", ""),
    "language_models": ("GET", ""),
}

_VERSION = re.compile(r"v\d+((alpha|beta)\d*)?/")
_SEGMENT = re.compile(r"(?!\.+$)[A-Za-z0-9._~:@+,=-]+")
_TRICKS = re.compile(rb"%(2e|2f|5c|25)", re.IGNORECASE)
_QUERY = re.compile(r"[A-Za-z0-9._~:@!$'()*+,/?\[\]%=&-]*")
_PARAMETER = re.compile(r"[A-Za-z0-9._\[\]:$-]+")
_KEYS = re.compile(
    r"(x-(goog-)?)?api[-_]?key|key|(access|auth|id|refresh)?[-_]?token|auth|authorization|bearer|secret"
    r"|client[-_]?secret|password|sig|signature|subscription-key|x-amz-.*|x-goog-.*",
    re.IGNORECASE,
)


def find(connection: Connection, method: str, path: str) -> tuple[Rule, str]:
    """The rule that lets ``path`` (without a slash at its beginning) through, and the model that stands in it.

    Raises PathRefused when there is none.
    """
    short = _VERSION.sub("", path, count=1) if _VERSION.match(path) else path
    for rule, asked in _candidates(connection, path, short):
        if rule.stored and connection.shared:
            continue
        if found := rule.match(method, asked):
            return rule, unquote(found.groupdict().get("model") or "")
    place = connection.endpoint.path
    counted = f" Paths count from {place} there." if place else ""
    raise PathRefused(
        f"The relay does not carry {method} /{path[:200]} to {connection.provider.name}: it carries single calls of "
        f"models and lists of what there is, and nothing that changes an account or a server.{counted}"
    )


def _candidates(connection: Connection, path: str, short: str) -> Iterator[tuple[Rule, str]]:
    spec = connection.provider
    for rule in _BY_FORMAT.get(spec.adapter, ()):
        yield rule, short
    for name, (method, kind) in _OPERATIONS.items():
        if named := _bare(spec.paths.get(name, "")):
            yield Rule(method, named, spec.adapter if kind else "", kind), path
    if isinstance(connection.mapping, CustomMapping):
        mapping = connection.mapping
        for own in (mapping.path, mapping.stream.path if mapping.stream else ""):
            if named := _bare(own):
                yield Rule("POST", named, spec.adapter, "chat"), path


def _bare(path: str) -> str:
    """Empty for one that nothing can be asked for: a star of an address is itself, and ``clean`` lets none through.
    Read as a pattern, an owner's twenty stars would take the server hours to compare.
    """
    bare = path.partition("?")[0].removeprefix("/")
    return "" if "*" in bare else bare


@lru_cache(maxsize=1024)
def _expression(pattern: str) -> re.Pattern[str]:
    text = re.escape(pattern)
    for written, meant in ((r"\*\*", r".+"), (r"\*", r"[^/]+")):
        text = text.replace(written, meant)
    text = text.replace(r"\{model\}", r"(?P<model>[^/]+)", 1)
    return re.compile(text.replace(r"\{model\}", r"(?P=model)"))


def clean(path: str, raw: bytes) -> str:
    """``path``, decoded once by the server, if it says one thing only; ``raw`` is as it came over the wire.

    Raises InvalidRequest for one that two readers could take for two places.
    """
    if _TRICKS.search(raw) or not all(map(_SEGMENT.fullmatch, path.split("/"))):
        raise InvalidRequest(
            "This path cannot be relayed. Write it plainly: no empty or dotted segments, no encoded slashes, and "
            "nothing but letters, digits and - . _ ~ : @ + , = in between."
        )
    return path


def query(text: str, key_name: str = "") -> str:
    """The query to send on; ``key_name`` is the parameter that the provider's key has. Raises InvalidRequest for
    what names a key: addresses are logged everywhere on their way.
    """
    if not _QUERY.fullmatch(text):
        raise InvalidRequest("The query of the address holds a character that must be encoded.")
    for piece in filter(None, text.split("&")):
        name = unquote(piece.partition("=")[0])
        if not _PARAMETER.fullmatch(name):
            raise InvalidRequest("The query of the address has a parameter of an unusual name.")
        if _KEYS.fullmatch(name) or name.lower() == key_name.lower():
            raise InvalidRequest(
                f"Leave {name!r} out of the address, because addresses are logged. The provider's key is added "
                "here; send your access token in a header, and replace it if it was in an address.",
                param=name,
            )
    return text


def joined(connection: Connection, path: str, asked: str) -> str:
    """What follows the integration's base address. A signature holds for a path in which all is encoded."""
    safe = "" if connection.auth.place == "signature" else ":@+,=~"
    encoded = "/".join(quote(segment, safe=safe) for segment in path.split("/"))
    return f"/{encoded}?{asked}" if asked else f"/{encoded}"
