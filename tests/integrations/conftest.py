"""Custody's tests have a key ring of their own each, and begin with nothing remembered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from integrations import credentials, live
from integrations.actions import integrations as actions
from integrations.audit import SYSTEM
from integrations.inputs import IntegrationInput
from integrations.models import Integration

KEY = "sk-test-canary-0123456789-abcd"


@pytest.fixture(autouse=True)
def master_key(settings, tmp_path) -> Iterator[Any]:
    settings.AIM_MASTER_KEY_FILE = tmp_path / "keys" / "master.key"
    credentials.forget()
    live.forget()
    yield settings.AIM_MASTER_KEY_FILE
    credentials.forget()
    live.forget()


@pytest.fixture
def connect(db) -> Callable[..., Integration]:
    """``connect(owner, "openai", model="…")`` is a saved integration with KEY."""

    def make(owner, provider="openai", **given) -> Integration:
        data = IntegrationInput(**{"key": KEY, **given})
        return actions.create(SYSTEM, owner, provider, data)

    return make
