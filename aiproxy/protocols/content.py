"""What dialects share in reading a conversation: media as callers write it, and tools' results."""

from __future__ import annotations

from itertools import groupby

from aiproxy.protocols.fields import Fields, wrong
from providers.chat import NO_STATE, File, Image, Json, Message, Part, State, Text, ToolResult
from providers.errors import InvalidRequest

_SCHEMES = ("https://", "http://", "gs://", "s3://")
_MAGIC = (
    ("iVBORw0KGgo", "image/png"),
    ("/9j/", "image/jpeg"),
    ("R0lGOD", "image/gif"),
    ("UklGR", "image/webp"),
)
"""How the base64 of each picture format begins."""


def image(url: str, path: str, detail: str | None = None, state: State = NO_STATE) -> Image:
    """A picture from a data URL or from an address the provider is to fetch."""
    if url.startswith("data:"):
        media_type, data = split_data_url(url, path)
        return Image(media_type, data, detail=detail, state=state)
    return Image(url=address(url, path), detail=detail, state=state)


def bare_image(text: str, path: str) -> Image:
    """A picture from a data URL, an address, or base64 alone, which tells its own format."""
    if text.startswith("data:") or "://" in text[:12]:
        return image(text, path)
    for beginning, media_type in _MAGIC:
        if text.startswith(beginning):
            return Image(media_type, text)
    raise InvalidRequest(
        f"{path} is neither an address, a data URL, nor the base64 of a PNG, JPEG, GIF or WebP.",
        param=path,
    )


def file(url: str, path: str, name: str | None = None, state: State = NO_STATE) -> File:
    """A document from a data URL or from an address."""
    if url.startswith("data:"):
        media_type, data = split_data_url(url, path)
        return File(media_type, data, name=name, state=state)
    return File(url=address(url, path), name=name, state=state)


def split_data_url(url: str, path: str) -> tuple[str | None, str]:
    """Media type and base64 of ``data:<type>;base64,<data>``."""
    head, comma, data = url.partition(",")
    media_type, *options = head.removeprefix("data:").split(";")
    if not comma or not data or "base64" not in options:
        raise InvalidRequest(
            f"{path} is not a usable data URL. Write it as data:<media type>;base64,<data>.",
            param=path,
        )
    return media_type.lower() or None, data


def address(url: str, path: str) -> str:
    """``url``, when it is one a provider could fetch."""
    if not url.lower().startswith(_SCHEMES):
        raise InvalidRequest(
            f"{path} must be an https:// address or a data: URL with base64.", param=path
        )
    return url


def user_turn(parts: tuple[Part, ...], name: str | None = None) -> list[Message]:
    """What a user says and what tools answered, each run of either as a message of its own role."""
    return [
        Message("tool", tuple(run)) if is_result else Message("user", tuple(run), name)
        for is_result, run in groupby(parts, lambda part: isinstance(part, ToolResult))
    ]


def nested_result(path: str) -> InvalidRequest:
    """The error for a result inside a result, which could go on for ever."""
    return InvalidRequest(f"{path} is a tool's result inside another one.", param=path)


def of_result(parts: tuple[Part, ...], path: str) -> tuple[Text | Image | File, ...]:
    """``parts`` as a tool's result, which holds words and media only."""
    allowed: list[Text | Image | File] = []
    for index, part in enumerate(parts):
        if not isinstance(part, Text | Image | File):
            here = f"{path}[{index}]"
            raise InvalidRequest(f"{here} cannot stand in a tool's result.", param=here)
        allowed.append(part)
    return tuple(allowed)


def state(fields: Fields) -> State:
    """The member ``state`` of a part."""
    return checked_state(fields.take("state"), fields.at("state"))


def checked_state(value: Json, path: str) -> State:
    """Opaque state as we gave it out: an object of objects, or nothing."""
    if value is None:
        return NO_STATE
    if not isinstance(value, dict):
        raise wrong(path, "an object", value)
    for name, inner in value.items():
        if not isinstance(inner, dict):
            raise wrong(f"{path}.{name[:100]}", "an object", inner)
    return value or NO_STATE
