"""Alive, ready, and reports of the content policy."""

import threading

import pytest
import time_machine
from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper
from structlog.testing import capture_logs

from integrations import credentials
from integrations.errors import KeyRingError
from marketplace.views import health
from providers import registry
from providers.models import CustomProvider


def test_alive_without_the_database(client):
    # No db fixture: a query would fail this test.
    response = client.get("/healthz")
    assert response.status_code == 200
    assert response.json() == {"status": "ok"}


def test_ready_with_database_migrations_and_keys(client, db):
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json()["checks"] == {"database": True, "migrations": True, "keys": True}


def test_not_ready_without_the_database(client, db, monkeypatch):
    def cursor(*_):
        raise DatabaseError("canary: password=secret")

    with monkeypatch.context() as patch:
        patch.setattr(BaseDatabaseWrapper, "cursor", cursor)
        response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["checks"]["database"] is False
    assert "canary" not in response.text


def test_not_ready_while_the_database_does_not_answer(client, db, monkeypatch):
    answers = threading.Event()

    def cursor(*_):
        answers.wait(10)
        raise DatabaseError

    monkeypatch.setattr(health, "ANSWER_SECONDS", 0.1)
    with monkeypatch.context() as patch:
        patch.setattr(BaseDatabaseWrapper, "cursor", cursor)
        assert client.get("/readyz").status_code == 503
        answers.set()
    monkeypatch.setattr(health, "ANSWER_SECONDS", 10)
    assert client.get("/readyz").status_code == 200


def test_not_ready_without_the_master_key(client, db, monkeypatch):
    def ring():
        raise KeyRingError("canary")

    monkeypatch.setattr(credentials, "ring", ring)
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["checks"]["keys"] is False


def test_policy_report_is_logged(client, db):
    report = b'{"csp-report": {"violated-directive": "script-src", "blocked-uri": "https://evil.example"}}'
    with capture_logs() as lines:
        assert client.post("/csp-report", report, "application/csp-report").status_code == 204
    assert lines[0]["event"] == "csp.violation"
    assert lines[0]["blocked_uri"] == "https://evil.example"


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b'{"csp-report": 1}', b"[" * 9000])
def test_nonsense_report_is_survived(client, db, body):
    with capture_logs():
        assert client.post("/csp-report", body, "application/csp-report").status_code == 204


def test_reports_are_logged_sixty_times_a_minute_at_most(client, db):
    with time_machine.travel("2026-11-20T12:00:30Z", tick=False), capture_logs() as lines:
        for _ in range(70):
            client.post("/csp-report", b"{}", "application/csp-report")
    assert len(lines) <= 60


def test_health_page_names_what_is_left_out_of_the_catalogue(alice_client):
    CustomProvider.objects.create(id="openai", spec={"name": "Impostor"})
    registry.reload()
    page = alice_client.get("/health/").text
    assert "provider openai" in page
    assert "Answers" in page


def test_health_page_is_for_administrators(bob_client):
    assert bob_client.get("/health/").status_code == 403
