"""`manage.py serve`, run for real: first start, second start, stopping, and what keeps it from starting."""

import re
import signal
import socket
import sqlite3
from urllib.parse import urlsplit

import pytest

from marketplace import start
from tests.processes import Server, served

LINK = re.compile(r"Open (http://127\.0\.0\.1:\d+/setup/[\w-]{43}/) to create the first account")


def link(line):
    """The path of the one-time link."""
    found = LINK.match(line)
    assert found, line
    return urlsplit(found[1]).path


@pytest.fixture
def serve():
    with served() as serve:
        yield serve


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A server on its first run; tests that do not stop it share it."""
    data = tmp_path_factory.mktemp("data") / "var"
    server = Server(data)
    server.printed = server.line()
    yield server
    server.kill()


def make_account(server):
    """The first account, made in the database as a migration would; no web form, no hashing."""
    with sqlite3.connect(server.data / "db.sqlite3") as database:
        database.execute(
            "INSERT INTO marketplace_user (id, email, password, is_superuser, is_staff, is_active, first_name, "
            "last_name, date_joined) VALUES ('0', 'a@b.example', '!', 1, 1, 1, '', '', '2026-11-20')"
        )
    database.close()


# --- The first run ---


def test_one_line_leads_to_the_first_account(first):
    answer = first.get(link(first.printed))
    assert answer.status == 200
    assert b"Create the first account" in answer.content


def test_everything_it_makes_is_private(first):
    assert first.data.stat().st_mode & 0o777 == 0o700
    files = [path for path in first.data.iterdir() if path.is_file()]
    assert {"db.sqlite3", "master.key", "secret.key", "setup.hash"} <= {path.name for path in files}
    assert [path.name for path in files if path.stat().st_mode & 0o077] == []


def test_a_head_without_end_is_cut(first):
    head = b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nx-long: "
    with socket.create_connection(("127.0.0.1", first.port), timeout=10) as connection:
        connection.sendall(head)
        with pytest.raises(OSError):  # reset or broken pipe, as the system sees it first
            connection.sendall(b"a" * 2**26)
    assert first.get("/healthz").status == 200


def test_a_long_but_reasonable_head_is_read(first):
    assert first.get("/healthz", **{"X-Long": "a" * 30_000}).status == 200


def test_it_is_ready(first):
    assert first.get("/readyz").status == 200


def test_server_does_not_say_what_it_is(first):
    assert first.get().headers["Server"] is None


def test_static_files_are_hashed_and_kept_for_ever(first):
    page = first.get().content.decode()
    (path,) = re.findall(r"/static/css/tokens\.[0-9a-f]{12}\.css", page)
    answer = first.get(path, **{"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert first.get(path, **{"If-None-Match": answer.headers["ETag"]}).status == 304


def test_missing_static_file_is_no_file(first):
    assert first.get("/static/no-such.css").status == 404
    assert first.get("/static/../manage.py").status == 404


def test_machine_traffic_goes_to_the_gateway(first):
    answer = first.get("/v1/chat/completions", b"{}")
    assert answer.status == 401
    assert answer.headers["Content-Type"] == "application/json"


def test_large_body_is_refused_before_it_is_sent(first):
    head = f"POST /sign-in/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {2**20 + 1}\r\n\r\n"
    assert first.raw(head).startswith(b"HTTP/1.1 413")


def test_header_names_with_underscores_are_refused_at_both_fronts(first):
    for path in ("/sign-in/", "/v1/models"):
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX_Api_Key: a\r\n\r\n"
        assert first.raw(head).startswith(b"HTTP/1.1 400")


def test_unknown_host_name_is_refused(first):
    assert first.get("/sign-in/", **{"Host": "evil.example"}).status == 400


# --- The next ones ---


def test_second_start_names_the_address(serve, first, tmp_path):
    server = serve(tmp_path)
    server.line()
    server.stop()
    make_account(server)
    again = serve(tmp_path)
    line = again.line()
    assert line == (
        f"AI Integration Marketplace is running on http://127.0.0.1:{again.port} (Ctrl-C stops it)\n"
    )
    assert not (tmp_path / "setup.hash").exists()


def test_each_start_without_account_has_a_link_of_its_own(serve, tmp_path):
    one = serve(tmp_path)
    old = link(one.line())
    one.stop()
    two = serve(tmp_path, port=one.port)
    assert link(two.line()) != old
    assert two.get(old).status == 404


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_quietly(serve, tmp_path, number):
    server = serve(tmp_path)
    server.line()
    server.get()
    assert server.stop(number) == (0, "", "")


# --- What keeps it from starting ---


def test_port_in_use_is_said_in_one_sentence(serve, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, out, err = serve(tmp_path, port=port).end()
    assert (code, out) == (1, "")
    assert err.startswith(f"CommandError: Port {port} is in use.")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        (
            {"AIM_HOST": "no-such-host.invalid"},
            "no-such-host.invalid is not an address of this machine.",
        ),
        ({"AIM_HOST": "192.0.2.1"}, "192.0.2.1 is not an address of this machine."),
        (
            {"DATABASE_URL": "postgres://aim:canary@127.0.0.1:1/aim"},
            "The database cannot be used: connection failed",
        ),
        ({"AIM_LOG_LEVEL": "LOUD"}, "AIM_LOG_LEVEL must be one of"),
    ],
)
def test_what_is_wrong_is_said_without_traceback(serve, tmp_path, environment, words):
    code, out, err = serve(tmp_path, **environment).end()
    assert (code, out) == (1, "")
    assert words in err
    assert "Traceback" not in err
    assert "canary" not in err


def test_lost_master_key_stops_the_start(serve, tmp_path):
    (tmp_path / "master.key").write_text("not a key")
    (tmp_path / "master.key").chmod(0o600)
    code, _, err = serve(tmp_path).end()
    assert code == 1
    assert str(tmp_path / "master.key") in err
    assert "Traceback" not in err


# --- What it does only when needed ---


@pytest.fixture
def sources(tmp_path, settings):
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "a.css").write_text("a {}")
    settings.STATICFILES_DIRS = [folder]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STATIC_ROOT = tmp_path / "static"
    settings.AIM_DATA_DIR = tmp_path
    settings.WHITENOISE_USE_FINDERS = False
    return folder


def test_static_files_are_collected_once(sources, settings):
    start.collect_static()
    (settings.STATIC_ROOT / "mark").touch()
    start.collect_static()
    assert (settings.STATIC_ROOT / "mark").exists()


def test_changed_static_file_is_collected_again(sources, settings):
    start.collect_static()
    (sources / "b.css").write_text("b {}")
    start.collect_static()
    assert (settings.STATIC_ROOT / "b.css").exists()


def test_database_up_to_date_is_left_alone(db, monkeypatch):
    monkeypatch.setattr(start, "call_command", lambda *_, **__: pytest.fail("migrated"))
    start.migrate()
