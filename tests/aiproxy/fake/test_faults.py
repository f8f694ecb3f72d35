from __future__ import annotations

from dataclasses import replace

import pytest

from aiproxy.fake.faults import FAULTS, NONE, read, table


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        ("fake-error-429", {"status": 429}),
        ("fake-error", {"status": 500}),
        ("fake-slow-2000", {"delay_ms": 2000}),
        ("fake-slow-500-chunks-20-pace-30", {"delay_ms": 500, "chunks": 20, "chunk_delay_ms": 30}),
        ("fake-error-429-retry-7", {"status": 429, "retry_after": 7}),
        ("fake-cut", {"cut_after": 1}),
        ("fake-redirect", {"redirect": 307}),
        ("fake-garbage", {"garbage": True}),
        ("openai/fake-html", {"html": True}),
    ],
)
def test_a_models_name_asks_for_faults(model, fields):
    assert read(model, {}) == replace(NONE, **fields)


@pytest.mark.parametrize(
    "model", ["gpt-4o", "sandbox", "fake", "fake-model", "not-fake-error-500", "x/y"]
)
def test_other_names_ask_for_none(model):
    assert read(model, {}) is NONE


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_has_a_header(fault):
    asked = read("sandbox", {fault.header: "7"})
    assert getattr(asked, fault.field) == (7 if fault.number else True)


def test_a_header_wins_over_the_name():
    assert read("fake-error-429", {"x-fake-status": "503"}).status == 503


@pytest.mark.parametrize("value", ["soon", "-1", "1.5", "٣"])
def test_a_header_that_is_no_number_asks_for_nothing(value):
    assert read("sandbox", {"x-fake-delay-ms": value}) == NONE


def test_the_table_names_them_all():
    text = table()
    assert all(fault.header in text and f"fake-{fault.word}" in text for fault in FAULTS)
