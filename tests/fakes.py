"""What tests talk to, on real sockets: the fake provider, a server that breaks HTTP, and the site itself.

All of them run in a thread with its own event loop, on a free loopback port, until the ``with`` ends.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from aiproxy.fake.app import FakeProvider
from aiproxy.fake.provider import Received

# --- HTTP servers ---


@dataclass
class Fake:
    """The fake provider on its port. ``requests`` are what it received, oldest first."""

    app: FakeProvider
    port: int
    scheme: str = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def requests(self) -> list[Received]:
        return self.app.requests

    @property
    def disconnects(self) -> int:
        """How many clients went away before their answer was complete."""
        return sum(request.outcome == "left" for request in self.requests)


@contextmanager
def serve_fake(**options: Any) -> Iterator[Fake]:
    """``options`` are uvicorn's, e.g. ``ssl_certfile`` and ``ssl_keyfile``."""
    app = FakeProvider()
    with serve(app, lifespan="off", **options) as port:
        yield Fake(app, port, "https" if "ssl_certfile" in options else "http")


@contextmanager
def serve_site() -> Iterator[str]:
    """The whole application, gateway and pages; gives its URL. Needs the ``transactional_db`` fixture."""
    from marketplace.asgi import application  # its settings must be those of the test
    from marketplace.protocol import LimitedStalls

    with serve(application, lifespan="on", http=LimitedStalls) as port:
        yield f"http://127.0.0.1:{port}"


class _Server(uvicorn.Server):
    """Looks for its end more often than ten times a second; a test run stops hundreds of servers."""

    async def main_loop(self) -> None:
        await self.on_tick(0)
        while not self.should_exit:  # noqa: ASYNC110  # uvicorn's own flag, set from another thread
            await asyncio.sleep(0.01)


@contextmanager
def serve(app: Any, **options: Any) -> Iterator[int]:
    """Any ASGI application; gives the port."""
    listener = _listener()
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="critical",
        access_log=False,
        timeout_graceful_shutdown=1,
        **options,
    )
    server = _Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        _wait_for(lambda: server.started, thread)
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()
        assert not thread.is_alive(), "the server did not stop"


def _wait_for(ready: Callable[[], bool], thread: threading.Thread) -> None:
    for _ in range(1000):
        if ready():
            return
        assert thread.is_alive(), "the server did not start"
        thread.join(0.01)
    raise AssertionError("the server did not start in time")


def _listener() -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    return listener


def closed_port() -> int:
    """A loopback port where nothing listens."""
    with _listener() as listener:
        port: int = listener.getsockname()[1]
    return port


# --- A server that breaks HTTP ---


@dataclass
class Line:
    """One connection to a RawServer, after the ``head`` of the request has arrived."""

    head: bytes
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def silence(self) -> None:
        """Returns when the client has closed the connection."""
        with suppress(ConnectionError):
            while await self.reader.read(65536):
                pass

    def reset(self) -> None:
        """Ends it with RST instead of FIN."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Script = Callable[[Line], Awaitable[None]]


@dataclass
class RawServer:
    """``connections`` counts who came, ``closed`` who is gone again; ``heads`` are the requests' heads."""

    port: int = 0
    connections: int = 0
    closed: int = 0
    heads: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def serve_raw(script: Script, context: ssl.SSLContext | None = None) -> Iterator[RawServer]:
    """Runs ``script`` for each request that arrives; afterwards the connection is closed."""
    found = RawServer()
    listener = _listener()
    found.port = listener.getsockname()[1]
    loop = asyncio.new_event_loop()
    over = asyncio.Event()
    up = threading.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found.connections += 1
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                head = await reader.readuntil(b"\r\n\r\n")
                found.heads.append(head)
                await script(Line(head, reader, writer))
        finally:
            found.closed += 1
            writer.close()

    async def main() -> None:
        server = await asyncio.start_server(handle, sock=listener, ssl=context)
        up.set()
        await over.wait()
        server.close()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    thread = threading.Thread(target=loop.run_until_complete, args=(main(),), daemon=True)
    thread.start()
    assert up.wait(5)
    try:
        yield found
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)
        loop.close()


# --- Certificates ---


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate for 127.0.0.1, as files that uvicorn reads."""

    certfile: str
    keyfile: str

    def trusted(self) -> ssl.SSLContext:
        """A client's context that trusts this certificate and no other."""
        return ssl.create_default_context(cafile=self.certfile)

    @property
    def options(self) -> dict[str, str]:
        return {"ssl_certfile": self.certfile, "ssl_keyfile": self.keyfile}


def make_certificate(folder: Path, address: str = "127.0.0.1") -> Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    certfile, keyfile = folder / "cert.pem", folder / "key.pem"
    certfile.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    keyfile.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return Certificate(str(certfile), str(keyfile))
