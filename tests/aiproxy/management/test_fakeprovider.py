from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from django.core.management import CommandError, call_command

from aiproxy.fake.faults import FAULTS
from aiproxy.management.commands.fakeprovider import Command

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def running(tmp_path) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """The command as a process, and the lines it printed when it was ready."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "fakeprovider", "--port", "0"],
        cwd=ROOT,
        env={"AIM_DATA_DIR": str(tmp_path), "PATH": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in range(6)]
        yield process, lines
        process.kill()


def test_it_prints_base_urls_that_answer_and_stops_cleanly(running):
    process, lines = running
    urls = dict(line.split() for line in lines[1:5])
    assert list(urls) == ["OpenAI", "Anthropic", "Gemini", "Ollama"]
    listed = httpx.get(urls["OpenAI"] + "/models", trust_env=False).json()
    assert "sandbox" in [model["id"] for model in listed["data"]]
    assert httpx.get(urls["Ollama"] + "/api/tags", trust_env=False).status_code == 200
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)
    assert (process.returncode, errors) == (0, "")


def test_the_help_explains_every_fault():
    text = Command().create_parser("manage.py", "fakeprovider").format_help()
    assert all(fault.header in text for fault in FAULTS)


def test_a_port_in_use_is_said_in_one_sentence():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CommandError, match=f"Cannot listen on 127.0.0.1:{port}"):
            call_command("fakeprovider", port=port)


def test_an_unknown_host_is_said_in_one_sentence():
    with pytest.raises(CommandError, match=r"Cannot listen on nobody\.invalid"):
        call_command("fakeprovider", host="nobody.invalid")
