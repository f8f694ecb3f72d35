"""How large a picture is, read from the first bytes of the file. That is all the local model sees of it."""

from __future__ import annotations

import base64
import binascii
import struct
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Picture:
    format: str
    width: int
    height: int


def look(data: str) -> Picture | None:
    """The picture in base64 ``data``; None when it is no PNG, JPEG, GIF or WebP."""
    try:
        raw = base64.b64decode(data)
    except (binascii.Error, ValueError):
        return None
    for reader in (_png, _gif, _webp, _jpeg):
        try:
            found = reader(raw)
        except (struct.error, IndexError):
            found = None
        if found is not None:
            return found
    return None


def _png(raw: bytes) -> Picture | None:
    if not raw.startswith(b"\x89PNG\r\n\x1a\n"):
        return None
    return Picture("PNG", *struct.unpack_from(">II", raw, 16))


def _gif(raw: bytes) -> Picture | None:
    if raw[:6] not in (b"GIF87a", b"GIF89a"):
        return None
    return Picture("GIF", *struct.unpack_from("<HH", raw, 6))


def _webp(raw: bytes) -> Picture | None:
    """Three kinds of WebP keep the size in three places (RFC 9649)."""
    if raw[:4] != b"RIFF" or raw[8:12] != b"WEBP":
        return None
    kind = raw[12:16]
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", raw, 26)
        return Picture("WebP", width & 0x3FFF, height & 0x3FFF)
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", raw, 21)
        return Picture("WebP", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if kind != b"VP8X" or len(raw) < 30:
        return None
    width, height = (int.from_bytes(raw[at : at + 3], "little") + 1 for at in (24, 27))
    return Picture("WebP", width, height)


def _jpeg(raw: bytes) -> Picture | None:
    """Walks from segment to segment to the frame header, which is one of C0 to CF but not C4, C8, CC."""
    if not raw.startswith(b"\xff\xd8"):
        return None
    at = 2
    while raw[at] == 0xFF:
        marker = raw[at + 1]
        if marker in (0xFF, 0x01) or 0xD0 <= marker <= 0xD7:
            at += 1 if marker == 0xFF else 2
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", raw, at + 5)
            return Picture("JPEG", width, height)
        at += 2 + struct.unpack_from(">H", raw, at + 2)[0]
    return None
