from __future__ import annotations

import math

import pytest

from aiproxy.fake.vectors import DIMENSIONS, embed


def close(one: str, other: str) -> float:
    return sum(a * b for a, b in zip(embed(one), embed(other), strict=True))


def test_similar_texts_are_closer_than_others():
    assert close("the cat sat on the mat", "a cat sits on the mat") > 0.3
    assert close("the cat sat on the mat", "quarterly revenue grew by a third") < 0.2


def test_case_and_punctuation_do_not_matter():
    assert close("Hello, World!", "hello world") == pytest.approx(1)


@pytest.mark.parametrize("text", ["hello", "", "ß漢字", "a" * 10_000])
@pytest.mark.parametrize("dimensions", [1, 8, DIMENSIONS, 4096])
def test_a_vector_has_length_one(text, dimensions):
    vector = embed(text, dimensions)
    assert len(vector) == dimensions
    assert math.hypot(*vector) == pytest.approx(1)


def test_a_vector_stays_the_same():
    assert embed("stable")[:3] == embed("stable")[:3]
    assert embed.__wrapped__("stable") == embed("stable")
