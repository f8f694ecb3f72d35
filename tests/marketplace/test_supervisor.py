"""Several workers, run for real: they share the work, are replaced when they die, and end with their supervisor."""

from __future__ import annotations

import signal
import socket
import threading

import httpx
import psutil
import pytest

from marketplace.supervisor import LONGEST_PAUSE, pause
from tests.fakes import serve_fake
from tests.processes import body, furnish, served
from tests.waiting import eventually


@pytest.fixture(scope="module")
def fake():
    with serve_fake() as fake:
        yield fake


@pytest.fixture
def serve(tmp_path, fake):
    """``serve()`` is a server with two workers."""
    with served() as serve:

        def two(**environment):
            place = f"127.0.0.1:{fake.port}"
            return serve(
                tmp_path / "var", AIM_WORKERS="2", AIM_PRIVATE_ENDPOINTS=place, **environment
            )

        yield two


def begun(server):
    """The server, once it has printed its line."""
    assert "to create the first account" in server.line()
    return server


def connections(worker):
    return [one for one in worker.net_connections("tcp") if one.status == psutil.CONN_ESTABLISHED]


def refuses(server):
    try:
        socket.create_connection(("127.0.0.1", server.port), timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.fixture
def broken(tmp_path, monkeypatch):
    """While the file exists, no worker can start."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import os, sys\n"
        "if 'spawn_main' in str(sys.orig_argv) and os.path.exists(__file__ + '.broken'):\n"
        "    os._exit(7)\n"
    )
    return folder / "sitecustomize.py.broken"


def test_connections_go_to_both_workers_and_a_dead_one_is_replaced_as_soon_as_one_can_start(
    serve, broken
):
    server = begun(serve(PYTHONPATH=str(broken.parent)))
    lines = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(32)]
    dies, stays = server.workers()
    eventually(lambda: len(connections(dies)) + len(connections(stays)) == 32)
    assert 3 < len(connections(dies)) < 29
    for line in lines:
        line.close()

    broken.touch()
    dies.kill()
    dies.wait(5)
    assert [server.get("/healthz").status for _ in range(20)] == [200] * 20
    eventually(lambda: server.workers() == [stays])
    broken.unlink()
    eventually(lambda: len(server.workers()) == 2, 15)
    code, out, err = server.stop(signal.SIGINT)
    assert (code, out) == (0, "")
    assert "worker.died" in err


def test_a_killed_supervisor_leaves_nobody_serving(serve):
    server = begun(serve())
    workers = server.workers()
    server.process.kill()
    server.process.wait()
    assert psutil.wait_procs(workers, timeout=10)[1] == []
    assert refuses(server)


def test_streams_are_finished_before_the_workers_end(serve, fake):
    server = begun(serve())
    site = furnish(server, fake)
    answers: list[bytes] = []
    begins = threading.Barrier(9, timeout=15)

    def read():
        url = f"{server.url}/v1/chat/completions"
        call = body("fake-chunks-20-pace-40", stream=True)
        headers = {"authorization": f"Bearer {site.token.text}"}
        with httpx.stream("POST", url, json=call, headers=headers, trust_env=False) as answer:
            pieces = answer.iter_bytes()
            first = next(pieces)
            begins.wait()
            answers.append(first + b"".join(pieces))

    readers = [threading.Thread(target=read) for _ in range(8)]
    for reader in readers:
        reader.start()
    begins.wait()
    server.process.send_signal(signal.SIGTERM)
    eventually(lambda: refuses(server))
    for reader in readers:
        reader.join(20)
    assert [answer.count(b'"content":') for answer in answers] == [
        21
    ] * 8  # the first is empty and names the role
    assert all(b"data: [DONE]" in answer for answer in answers)
    assert server.end() == (0, "", "")


def test_workers_that_cannot_start_at_all_stop_the_start(serve, broken):
    broken.touch()
    server = serve(PYTHONPATH=str(broken.parent))
    code, out, err = server.end()
    assert (code, out) == (1, "")
    assert err == "CommandError: A worker could not start. The log above says why.\n"


def test_workers_that_die_at_once_are_started_less_and_less_often():
    assert pause(0) == pause(1) == 0
    assert 0 < pause(2) < pause(3)
    assert pause(50) == LONGEST_PAUSE


@pytest.mark.parametrize("number", ["0", "65", "many"])
def test_a_number_of_workers_that_makes_no_sense_is_refused(tmp_path, number):
    with served() as serve:
        code, _, err = serve(tmp_path, AIM_WORKERS=number).end()
    assert code == 1
    assert "AIM_WORKERS" in err
    assert "Traceback" not in err
