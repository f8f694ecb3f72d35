from __future__ import annotations

import base64
import struct

import pytest

from aiproxy.fake.pixels import Picture, look

JPEG_APP0 = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
SIZE = b"\x00\x11\x08" + struct.pack(">HH", 480, 640)

PICTURES = {
    "PNG": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 640, 480),
    "GIF": b"GIF89a" + struct.pack("<HH", 640, 480),
    "JPEG": b"\xff\xd8" + JPEG_APP0 + b"\xff\xc0" + SIZE,
    "progressive JPEG": b"\xff\xd8" + JPEG_APP0 + b"\xff\xff\xc2" + SIZE,
    "lossy WebP": b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 640, 480),
    "lossless WebP": b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f" + struct.pack("<I", 639 | 479 << 14),
    "extended WebP": b"RIFF\0\0\0\0WEBPVP8X" + b"\0" * 8 + b"\x7f\x02\x00" + b"\xdf\x01\x00",
}


@pytest.mark.parametrize("name", PICTURES)
def test_the_size_is_found(name):
    assert look(base64.b64encode(PICTURES[name]).decode()) == Picture(name.split()[-1], 640, 480)


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_that_is_cut_short_has_no_size(name):
    for length in range(len(PICTURES[name]) - 1):
        assert look(base64.b64encode(PICTURES[name][:length]).decode()) is None


@pytest.mark.parametrize(
    "data", ["", "AAAA", "no base64!", "é", base64.b64encode(b"\xff\xd8").decode()]
)
def test_what_is_no_picture_has_no_size(data):
    assert look(data) is None
