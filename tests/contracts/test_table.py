"""The tables of providers/README.md say what the tests find; ``python -m tests.contracts.table`` writes them anew."""

from __future__ import annotations

import os

import pytest

from tests.contracts import table, test_recordings

STALE = "stale: run python -m tests.contracts.table"


def test_table_of_requests_is_fresh():
    assert table.request_table() in [text.rstrip("\n") + "\n" for text in table.written()], STALE


@pytest.mark.skipif("RECORDINGS_DIR" in os.environ, reason="the table counts the usual recordings")
@pytest.mark.skipif(not test_recordings.FOLDER.is_dir(), reason="no recordings at hand")
def test_table_of_recordings_is_fresh():
    assert table.recording_table() in [text.rstrip("\n") + "\n" for text in table.written()], STALE


@pytest.mark.parametrize("name", table.FORMATS)
def test_every_format_carries_tools(name):
    assert table.carried(name, table.REQUESTS["tools"]) == "yes"
