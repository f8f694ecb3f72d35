from __future__ import annotations

import pytest

from aiproxy.fake.arithmetic import solve


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("2+2", "2+2 = 4"),
        ("What is (3 + 4) * 2 / 7?", "(3 + 4) * 2 / 7 = 2"),
        ("what is 2 + 3 × 4", "2 + 3 × 4 = 14"),
        ("7 - 10", "7 - 10 = -3"),
        ("1/3", "1/3 = 0.3333333333"),
        ("0.1 + 0.2", "0.1 + 0.2 = 0.3"),
        ("-2 * -3", "-2 * -3 = 6"),
        ("10 ÷ 4 please", "10 ÷ 4 = 2.5"),
        ("100000000 * 100000000", "100000000 * 100000000 = 10000000000000000"),
    ],
)
def test_a_sum_is_solved(text, answer):
    assert solve(text) == answer


@pytest.mark.parametrize(
    "text",
    [
        "Hello",
        "I am 36",
        "call 555-1234",
        "from 1990-2000",
        "1 / 0",
        "2 ** 99999999",
        "(2 + 3",
        "2 + ",
        "(" * 60 + "1 + 1" + ")" * 60,
        "__import__('os')",
    ],
)
def test_what_is_no_sum_is_left_alone(text):
    assert solve(text) is None
