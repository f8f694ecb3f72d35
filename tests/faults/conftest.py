"""What the fault tests share. ``--full`` runs those too that take long (``make faults``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from aiproxy.app import application
from tests.aiproxy.conftest import fake, fake_server, machine, short_timeouts
from tests.fakes import RawServer, Script, serve_raw
from tests.faults.site import Site, prepared

__all__ = ["fake", "fake_server", "machine", "short_timeouts"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="also the fault tests that take long")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("full", default=False):
        return
    for item in items:
        if item.get_closest_marker("full"):
            item.add_marker(pytest.mark.skip(reason="takes long: make faults"))


@pytest.fixture
def provider(machine: Any, allow_private: Any) -> Iterator[Callable[..., RawServer]]:
    """``provider(script)`` serves that script as a connected provider in OpenAI's format."""
    serving = []

    def serve(script: Script, provider_id: str = "openai-compatible", **data: Any) -> RawServer:
        context = serve_raw(script)
        server = context.__enter__()
        serving.append(context)
        allow_private(f"127.0.0.1:{server.port}")
        machine.connect(provider_id, base_url=server.url + "/v1", **data)
        return server

    yield serve
    for context in serving:
        context.__exit__(None, None, None)


@pytest.fixture
def pool() -> Callable[[], int]:
    """How many connections to providers are in use in the server under test."""

    def used() -> int:
        assert application.gateway is not None
        transport = application.gateway.upstream._transport
        assert transport is not None and transport._session is not None
        connector: Any = transport._session.connector
        return len(connector._acquired)

    return used


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory, fake_server: Any) -> Any:
    """A data folder with an account, an integration of the fake provider and a token; servers run on copies of it."""
    return prepared(tmp_path_factory.mktemp("site") / "var", fake_server.port)


@pytest.fixture
def site(data: Any, tmp_path: Any, fake: Any) -> Iterator[Callable[..., Site]]:
    """``site(AIM_DRAIN_SECONDS=1)`` is a server in a process of its own, with the fake provider behind it."""
    started: list[Site] = []

    def start(**options: Any) -> Site:
        started.append(Site(data, tmp_path / f"var{len(started)}", **options))
        started[-1].wait()
        return started[-1]

    yield start
    for one in started:
        one.end()


@pytest.fixture(scope="session")
def steady(data: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One such server that nothing shakes, with its memory as it is in use."""
    server = Site(data, tmp_path_factory.mktemp("steady") / "var")
    server.wait()
    for stream in (False, True):
        assert server.chat(stream=stream).status_code == 200
    yield server
    server.end()
