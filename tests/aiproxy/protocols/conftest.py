"""What the tests of all dialects share: the facts of one call, and a way to play events."""

from __future__ import annotations

import json

import pytest

from aiproxy.protocols.base import Context, Renderer, Style
from providers.events import Event
from tests.sse import frames


@pytest.fixture
def facts() -> Context:
    return Context(
        request_id="req_1",
        id="abc",
        model="sandbox/sandbox",
        created=1_700_000_000,
        provider="sandbox",
        integration_id="0191",
        style=Style(),
    )


@pytest.fixture
def played():
    """``played(renderer, *events)`` gives (event name, JSON) of every frame; ``[DONE]`` stays text."""

    def play(renderer: Renderer, *events: Event) -> list[tuple[str, object]]:
        sent = b"".join(renderer.render(event) for event in events)
        return [
            (name, data if data == "[DONE]" else json.loads(data)) for name, data in frames(sent)
        ]

    return play
