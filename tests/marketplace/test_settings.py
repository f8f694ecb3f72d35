"""The environment's values, their defaults, and how a bad one is refused."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from marketplace.environment import BadSetting, Environment

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def load(monkeypatch, tmp_path):
    """``load(NAME=value)`` is settings.py as it comes out of that environment."""

    def settings(**values):
        for name in list(os.environ):
            if name.startswith("AIM_") or name == "DATABASE_URL":
                monkeypatch.delenv(name)
        for name, value in {"AIM_DATA_DIR": str(tmp_path / "data"), **values}.items():
            monkeypatch.setenv(name, value)
        return runpy.run_path(str(ROOT / "marketplace" / "settings.py"))

    return settings


# --- Defaults ---


def test_first_run_needs_nothing_but_sqlite(load, tmp_path):
    database = load()["DATABASES"]["default"]
    assert database["ENGINE"] == "django.db.backends.sqlite3"
    assert database["NAME"] == str(tmp_path / "data" / "db.sqlite3")


def test_sqlite_waits_instead_of_failing_and_uses_wal(load):
    options = load(DATABASE_URL="sqlite:////tmp/other.sqlite3")["DATABASES"]["default"]["OPTIONS"]
    assert options["transaction_mode"] == "IMMEDIATE"
    assert options["timeout"] == 20
    assert "journal_mode=WAL" in options["init_command"]


def test_postgresql_has_a_pool(load):
    database = load(DATABASE_URL="postgres://aim:p%40ss@db.example:5433/aim")["DATABASES"][
        "default"
    ]
    assert database["ENGINE"] == "django.db.backends.postgresql"
    assert (database["HOST"], database["PORT"], database["PASSWORD"]) == (
        "db.example",
        5433,
        "p@ss",
    )
    assert database["OPTIONS"]["pool"]["max_size"] > 1
    assert database["CONN_MAX_AGE"] == 0


def test_data_folder_and_secret_key_are_private(load, tmp_path):
    key = load()["SECRET_KEY"]
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "data" / "secret.key").stat().st_mode & 0o777 == 0o600
    assert len(key) >= 50
    assert load()["SECRET_KEY"] == key  # made once


def test_local_models_are_reachable_from_a_local_server(load):
    allowed = load()["AIM_PRIVATE_ENDPOINTS"]
    assert allowed.allows("localhost", 11434)
    assert allowed.allows("::1", 1234)


def test_server_for_others_reaches_no_private_address(load):
    assert not load(AIM_HOST="0.0.0.0")["AIM_PRIVATE_ENDPOINTS"].pairs


def test_operator_may_allow_private_addresses_anywhere(load):
    values = load(AIM_HOST="0.0.0.0", AIM_PRIVATE_ENDPOINTS="gpu.internal:8080")
    assert values["AIM_PRIVATE_ENDPOINTS"].pairs == {("gpu.internal", 8080)}


def test_hosts_are_the_local_names_the_bound_one_and_the_public_one(load):
    values = load(AIM_HOST="192.0.2.1", AIM_PUBLIC_URL="https://ai.example.com/")
    assert set(values["ALLOWED_HOSTS"]) == {
        "localhost", "127.0.0.1", "[::1]", "192.0.2.1", "ai.example.com",
    }  # fmt: skip
    assert values["CSRF_TRUSTED_ORIGINS"] == ["https://ai.example.com"]


def test_listening_everywhere_trusts_no_further_name(load):
    assert set(load(AIM_HOST="0.0.0.0")["ALLOWED_HOSTS"]) == {"localhost", "127.0.0.1", "[::1]"}


def test_cookies_are_host_bound_behind_https(load):
    values = load(AIM_PUBLIC_URL="https://ai.example.com")
    assert values["SESSION_COOKIE_NAME"] == "__Host-sid"
    assert values["CSRF_COOKIE_NAME"] == "__Host-csrf"
    assert values["SESSION_COOKIE_SECURE"]
    assert values["CSRF_COOKIE_SECURE"]
    assert values["SECURE_HSTS_SECONDS"]


def test_plain_http_gets_cookies_that_work_there(load):
    values = load()
    assert not values["SESSION_COOKIE_SECURE"]
    assert not values["SESSION_COOKIE_NAME"].startswith("__Host-")
    assert not values["SECURE_HSTS_SECONDS"]


def test_secure_cookies_can_be_demanded(load):
    assert load(AIM_SECURE_COOKIES="on")["SESSION_COOKIE_SECURE"]


# --- Bad values ---


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AIM_DEBUG", "maybe"),
        ("AIM_PORT", "http"),
        ("AIM_PORT", "70000"),
        ("AIM_TOTAL_TIMEOUT", "soon"),
        ("AIM_TOTAL_TIMEOUT", "0"),
        ("AIM_TOTAL_TIMEOUT", "nan"),
        ("AIM_MAX_BODY_BYTES", "12"),
        ("AIM_TRUSTED_PROXIES", "-1"),
        ("AIM_LOG_LEVEL", "LOUD"),
        ("AIM_LOG_FORMAT", "xml"),
        ("AIM_SECURE_COOKIES", "sometimes"),
        ("AIM_PUBLIC_URL", "ai.example.com"),
        ("AIM_PUBLIC_URL", "ftp://ai.example.com"),
        ("AIM_PUBLIC_URL", "https://[::1"),
        ("AIM_PRIVATE_ENDPOINTS", "localhost"),
        ("AIM_SECRET_KEY", "short"),
        ("AIM_DATA_DIR", "/dev/null/x"),
        ("DATABASE_URL", "mysql://root@localhost/x"),
    ],
)
def test_bad_value_is_refused_by_the_name_of_its_variable(load, name, value):
    with pytest.raises(BadSetting, match=name) as caught:
        load(**{name: value})
    assert "\n" not in str(caught.value)


def test_database_password_is_in_no_message(load):
    with pytest.raises(BadSetting) as caught:
        load(DATABASE_URL="mysql://root:canary@localhost/x")
    assert "canary" not in str(caught.value)


def test_command_line_says_it_in_one_sentence(tmp_path):
    environment = {"PATH": os.environ["PATH"], "AIM_DATA_DIR": str(tmp_path), "AIM_PORT": "http"}
    done = subprocess.run(
        [sys.executable, ROOT / "manage.py", "serve"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == "AIM_PORT must be a whole number, not 'http'.\n"


# --- Files ---


def test_secret_may_come_from_a_file(tmp_path):
    (tmp_path / "key").write_text("from the file\n")
    environment = Environment({"AIM_SECRET_KEY_FILE": str(tmp_path / "key")})
    assert environment.text("AIM_SECRET_KEY") == "from the file"


def test_value_and_file_together_are_refused(tmp_path):
    environment = Environment({"AIM_X": "a", "AIM_X_FILE": "b"})
    with pytest.raises(BadSetting, match="AIM_X and AIM_X_FILE are both set"):
        environment.text("AIM_X")


def test_missing_file_is_named():
    with pytest.raises(BadSetting, match="AIM_X_FILE: /no/such/file cannot be read"):
        Environment({"AIM_X_FILE": "/no/such/file"}).text("AIM_X")


def test_empty_value_is_the_default():
    assert Environment({"AIM_X": ""}).integer("AIM_X", 3, least=1, most=9) == 3
