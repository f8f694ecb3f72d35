"""Embeddings by ``predict``, as Vertex AI has them for its embedding models
(https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from providers.adapters.reading import as_dict, as_int, as_list


def body(texts: Sequence[str], task: str, dimensions: int | None) -> dict[str, Any]:
    """``task`` in Google's words; empty leaves the model to its default."""
    instances = [{"content": text, **({"task_type": task} if task else {})} for text in texts]
    if dimensions is None:
        return {"instances": instances}
    return {"instances": instances, "parameters": {"outputDimensionality": dimensions}}


def vectors(answer: Mapping[str, Any]) -> list[object]:
    """What stands where each vector should be."""
    return [embedding.get("values") for embedding in _embeddings(answer)]


def tokens(answer: Mapping[str, Any]) -> int:
    statistics = [as_dict(embedding.get("statistics")) for embedding in _embeddings(answer)]
    return sum(as_int(told.get("token_count")) for told in statistics)


def _embeddings(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = as_list(answer.get("predictions"))
    return [as_dict(as_dict(prediction).get("embeddings")) for prediction in found]
