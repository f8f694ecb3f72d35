"""Where Gemini's statements come from: grounding in a search or a page, and recited sources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from providers.adapters.reading import as_dict, as_int, as_list, as_str
from providers.chat import Citation


def citations(
    candidate: Mapping[str, Any], texts: Mapping[int, str]
) -> Iterator[tuple[int, Citation]]:
    """(part, citation) pairs. ``texts`` are the text parts so far by number; without any there is nothing to cite."""
    if not texts:
        return
    grounding = as_dict(candidate.get("groundingMetadata"))
    sources = [_source(as_dict(chunk)) for chunk in as_list(grounding.get("groundingChunks"))]
    supports = [as_dict(support) for support in as_list(grounding.get("groundingSupports"))]
    last = max(texts)
    for support in supports:
        segment = as_dict(support.get("segment"))
        quote = as_str(segment.get("text")) or None
        part, start, end = _place(segment, quote, texts)
        for index in as_list(support.get("groundingChunkIndices")):
            if as_int(index) < len(sources):
                url, title = sources[as_int(index)]
                yield part, Citation(url, title, quote, start, end)
    if not supports:
        yield from ((last, Citation(url, title)) for url, title in sources if url or title)
    for recited in map(
        as_dict, as_list(as_dict(candidate.get("citationMetadata")).get("citations"))
    ):
        if as_str(recited.get("uri")):
            yield last, Citation(recited["uri"], as_str(recited.get("title")) or None)


def _source(chunk: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """URL and title of a ``web``, ``retrievedContext`` or ``maps`` chunk."""
    inner = next((as_dict(value) for value in chunk.values() if isinstance(value, dict)), {})
    return as_str(inner.get("uri")) or None, as_str(inner.get("title")) or None


def _place(
    segment: Mapping[str, Any], quote: str | None, texts: Mapping[int, str]
) -> tuple[int, int | None, int | None]:
    """The part that holds the segment and where in it, counted in characters (Gemini counts bytes of UTF-8).

    Part and place are believed only when the quoted text stands there.
    """
    first, after = as_int(segment.get("startIndex")), as_int(segment.get("endIndex"))
    for number, text in texts.items():
        data = text.encode("utf-8", "replace")
        if quote and data[first:after] == quote.encode("utf-8", "replace"):
            start = len(data[:first].decode("utf-8", "replace"))
            return number, start, start + len(quote)
    return max(texts), None, None
