"""Embeddings without a model: texts that share pieces of letters point in similar directions."""

from __future__ import annotations

import math
import re
import zlib
from functools import lru_cache

DIMENSIONS = 256
MAX_DIMENSIONS = 4096
_SIZES = (3, 4, 5)


@lru_cache(maxsize=256)
def embed(text: str, dimensions: int = DIMENSIONS) -> tuple[float, ...]:
    """A vector of length 1. Each run of 3 to 5 letters, and each word, adds or takes 1 somewhere."""
    spots = [0.0] * dimensions
    for piece in _pieces(text):
        mark = zlib.crc32(piece.encode())
        spots[mark % dimensions] += 1.0 if mark >> 31 else -1.0
    length = math.sqrt(sum(spot * spot for spot in spots))
    if length == 0.0:
        return (1.0, *spots[1:])
    return tuple(round(spot / length, 8) for spot in spots)


def _pieces(text: str) -> list[str]:
    words = re.findall(r"\w+", text.casefold())
    joined = f" {' '.join(words)} "
    runs = (joined[at : at + size] for size in _SIZES for at in range(len(joined) - size + 1))
    return [*words, *runs]
