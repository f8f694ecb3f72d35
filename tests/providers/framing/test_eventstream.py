import random
import struct
from zlib import crc32

import pytest

from providers.errors import ServerError
from providers.framing.eventstream import Message, MessageSplitter

# The example messages of AWS's own test suite (awslabs/aws-c-event-stream, tests/).
EMPTY = bytes.fromhex("000000100000000005c248eb7d98c8ff")
PAYLOAD = bytes.fromhex("0000001d00000000fd528c5a") + b"{'foo':'bar'}" + bytes.fromhex("c3653936")


def text(name: str, value: str) -> bytes:
    data = value.encode()
    return header(name, 7, struct.pack(">H", len(data)) + data)


def header(name: str, kind: int, value: bytes) -> bytes:
    return bytes([len(name)]) + name.encode() + bytes([kind]) + value


def message(headers: bytes = b"", payload: bytes = b"") -> bytes:
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    whole = prelude + struct.pack(">I", crc32(prelude)) + headers + payload
    return whole + struct.pack(">I", crc32(whole))


def read(data: bytes, limit: int = 1 << 20) -> list[Message]:
    return list(MessageSplitter(limit).feed(data))


def test_published_messages_are_read():
    assert read(EMPTY + PAYLOAD) == [Message({}, b""), Message({}, b"{'foo':'bar'}")]


def test_headers_that_are_text_are_given_and_the_others_passed_over():
    others = b"".join(
        header(f"h{kind}", kind, value)
        for kind, value in [
            (0, b""),
            (1, b""),
            (2, b"\x01"),
            (3, b"\x00\x01"),
            (4, bytes(4)),
            (5, bytes(8)),
            (6, b"\x00\x03abc"),
            (8, bytes(8)),
            (9, bytes(16)),
        ]
    )
    (found,) = read(message(others + text(":event-type", "metadata"), b"{}"))
    assert found == Message({":event-type": "metadata"}, b"{}")


@pytest.mark.parametrize("seed", range(20))
def test_any_cut_gives_the_same_messages(seed):
    data = message(text("a", "1"), b"x" * 50) + EMPTY + message(text("b", "ü"), b"{}")
    dice = random.Random(seed)
    cuts = sorted(dice.sample(range(len(data)), 12))
    splitter = MessageSplitter()
    pieces = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    assert [one for piece in pieces for one in splitter.feed(piece)] == read(data)


def test_byte_by_byte_gives_the_same_messages():
    splitter = MessageSplitter()
    found = [one for byte in PAYLOAD + EMPTY for one in splitter.feed(bytes([byte]))]
    assert found == read(PAYLOAD + EMPTY)


def test_half_a_message_is_the_rest():
    splitter = MessageSplitter()
    assert list(splitter.feed(EMPTY + PAYLOAD[:20])) == [Message({}, b"")]
    assert list(splitter.close()) == []
    assert splitter.rest == PAYLOAD[:20]


@pytest.mark.parametrize("place", range(len(PAYLOAD)))
def test_any_damaged_byte_is_noticed(place):
    damaged = bytearray(PAYLOAD)
    damaged[place] ^= 0x10
    with pytest.raises(ServerError):
        read(bytes(damaged))


def test_message_beyond_the_limit_is_refused_before_it_has_arrived():
    with pytest.raises(ServerError):
        read(message(payload=b"x" * 200)[:12], limit=100)


def test_something_else_than_an_event_stream_is_refused():
    with pytest.raises(ServerError):
        read(b'{"message": "no stream at all"}')


@pytest.mark.parametrize(
    "headers",
    [
        header("a", 42, b""),  # a type that is not known
        text("a", "1")[:-1],  # cut short
        b"\x09abc",  # a name that goes on beyond the headers
        header("a", 7, b"\x00\x01\xff"),  # no UTF-8
    ],
)
def test_headers_that_cannot_be_read_are_refused(headers):
    with pytest.raises(ServerError):
        read(message(headers))


def test_headers_longer_than_their_message_are_refused():
    prelude = struct.pack(">II", 20, 100)
    with pytest.raises(ServerError):
        read(prelude + struct.pack(">I", crc32(prelude)) + bytes(8))
