"""Bytes to AWS event-stream messages (https://smithy.io/2.0/aws/amazon-eventstream.html).

total length (4) | length of the headers (4) | CRC32 of these 8 bytes (4)
headers | payload | CRC32 of everything before (4)
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from zlib import crc32

from providers.errors import ServerError

LIMIT = 24 << 20
"""Bytes of one message. AWS itself allows no more."""

_PRELUDE = struct.Struct(">III")
_CRC = struct.Struct(">I")
_SMALLEST = _PRELUDE.size + _CRC.size

# Lengths of the header values that have a fixed one, by type: true, false, byte, short, int, long, time, uuid.
_FIXED = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
_BYTES, _TEXT = 6, 7


@dataclass(frozen=True, slots=True)
class Message:
    """``headers`` holds the textual ones, which are all that the services give a meaning."""

    headers: Mapping[str, str]
    payload: bytes


class MessageSplitter:
    """``feed(bytes)`` gives messages; any cut of the same bytes gives the same ones.

    Raises ServerError for a message that is longer than ``limit`` or damaged. ``rest`` is what has not become a
    message: at the end of the body, half of one.
    """

    comments = 0

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._buffer = bytearray()

    @property
    def rest(self) -> bytes:
        return bytes(self._buffer)

    def feed(self, data: bytes) -> Iterator[Message]:
        """The messages that ``data`` completes; consume them all."""
        self._buffer += data
        while (length := self._length()) is not None and len(self._buffer) >= length:
            whole = bytes(self._buffer[:length])
            del self._buffer[:length]
            yield _message(whole)

    def close(self) -> Iterator[Message]:
        """Nothing: half a message tells nothing."""
        return iter(())

    def _length(self) -> int | None:
        """Of the message at the front, as soon as its prelude is there."""
        if len(self._buffer) < _PRELUDE.size:
            return None
        length, headers, check = _PRELUDE.unpack_from(self._buffer)
        if crc32(self._buffer[:8]) != check:
            raise _damaged("the prelude's checksum is wrong")
        if length > self._limit:
            raise _damaged(f"a message of {length} bytes, where {self._limit} are allowed")
        if length < _SMALLEST + headers:
            raise _damaged("the headers are longer than their message")
        return int(length)


def _message(whole: bytes) -> Message:
    (check,) = _CRC.unpack_from(whole, len(whole) - _CRC.size)
    if crc32(whole[: -_CRC.size]) != check:
        raise _damaged("a message's checksum is wrong")
    end = _PRELUDE.size + _PRELUDE.unpack_from(whole)[1]
    return Message(dict(_headers(whole[_PRELUDE.size : end])), whole[end : -_CRC.size])


def _headers(data: bytes) -> Iterator[tuple[str, str]]:
    place = 0
    try:
        while place < len(data):
            name = data[place + 1 : place + 1 + data[place]]
            place += 1 + data[place]
            kind = data[place]
            place += 1
            if kind in (_BYTES, _TEXT):
                length = int.from_bytes(data[place : place + 2], "big")
                place += 2
            else:
                length = _FIXED[kind]
            if place + length > len(data):
                raise IndexError
            if kind == _TEXT:
                yield name.decode(), data[place : place + length].decode()
            place += length
    except (IndexError, KeyError, UnicodeDecodeError):
        raise _damaged("a message's headers cannot be read") from None


def _damaged(detail: str) -> ServerError:
    return ServerError(
        "The provider's stream arrived damaged. Try again.",
        detail=f"AWS event stream: {detail}",
    )
