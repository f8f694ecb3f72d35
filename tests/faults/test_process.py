"""R25, R45, R46: a full disk, a log that nobody reads, no file descriptor left."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.faults.site import Site
from tests.waiting import eventually

# --- The log ---


@pytest.fixture
def full_pipe():
    """One that nobody reads, and with no room left."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while os.write(writing, bytes(512)):
            pass
    os.set_blocking(writing, True)
    yield writing
    os.close(reading)
    os.close(writing)


def test_a_log_that_nobody_reads_stops_no_call(site, full_pipe):
    """R45. Each refused call writes a line."""
    server = site(stderr=full_pipe)
    for _ in range(3):
        assert server.chat("no-such-model").status_code == 404
        assert server.chat().status_code == 200
    assert server.end(signal.SIGTERM) == 0


# --- File descriptors ---


def test_a_process_without_a_free_descriptor_survives_and_recovers(site):
    """R46. Callers take all there are."""
    server = site(files=128)
    assert server.chat().status_code == 200
    crowd = []
    try:
        for _ in range(200):
            one = socket.socket()
            one.settimeout(5)
            crowd.append(one)
            one.connect(("127.0.0.1", server.port))
            with contextlib.suppress(OSError):
                one.sendall(b"GET /healthz HTTP/1.1\r\n")
        with contextlib.suppress(httpx.TransportError):
            assert server.chat().status_code >= 200
        assert server.process.poll() is None
    finally:
        for one in crowd:
            one.close()
    eventually(lambda: _works(server), 20)


def _works(server: Site) -> bool:
    try:
        return server.chat().status_code == 200
    except httpx.TransportError:
        return False


# --- The disk ---


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 16 MB, where this user may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    mounted = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_refuses_writes_and_goes_on_reading(data, small_disk, tmp_path):
    """R25."""
    server = Site(data, small_disk / "var", log=tmp_path / "log")
    try:
        server.wait()
        assert server.chat().status_code == 200
        with httpx.Client(base_url=server.url, headers=server.authorization, trust_env=False) as me:
            fill(small_disk)
            answers = (server.chat() for _ in range(40))  # what SQLite has set aside is used first
            refused = next(answer for answer in answers if answer.status_code != 200)
            assert refused.status_code == 507
            assert "disk" in refused.json()["error"]["message"]
            (integration, *_) = me.get("/api/integrations").json()
            written = me.put(f"/api/integrations/{integration['id']}", json={"name": "another"})
            assert written.status_code == 507
            assert me.get("/api/integrations").status_code == 200
            assert me.get("/v1/models").status_code == 200
            assert me.get("/sign-in/").status_code == 200
            assert "disk_full" in server.log.read_text()
            (small_disk / "filler").unlink()
            eventually(lambda: server.chat().status_code == 200)
    finally:
        server.end()


def fill(folder: Path) -> None:
    with (folder / "filler").open("wb", buffering=0) as filler, contextlib.suppress(OSError):
        while True:
            filler.write(bytes(4096))
