"""What pages count is exact, in the database and in Redis, and goes on when Redis does not."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.core.cache import caches
from django.db import connection
from django.utils import timezone
from structlog.testing import capture_logs

from marketplace import limits
from marketplace.counts import DatabaseCounts, RedisCounts
from marketplace.models import Count
from marketplace.settings import counts_in
from tests.fakes import closed_port
from tests.servers import valkey

PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="module")
def redis_url():
    with valkey() as url:
        yield url


@pytest.fixture
def in_redis(settings):
    """``in_redis(url)``: the counts are kept there."""

    def use(url):
        settings.CACHES = {"default": counts_in(url)}
        RedisCounts._rests_until = 0.0

    yield use
    RedisCounts._rests_until = 0.0


def count_together(cache, threads=4, each=25):
    def run():
        for _ in range(each):
            cache.incr("n")
        connection.close()

    running = [threading.Thread(target=run) for _ in range(threads)]
    for one in running:
        one.start()
    for one in running:
        one.join()
    return cache.get("n")


def test_counts_of_several_at_once_are_exact_in_the_database(transactional_db):
    cache = DatabaseCounts("", {})
    assert cache.add("n", 0, 60)
    assert count_together(cache) == 100


def test_counts_of_several_at_once_are_exact_in_redis(db, in_redis, redis_url):
    in_redis(redis_url)
    cache = caches["default"]
    assert cache.add("n", 0, 60)
    assert count_together(cache) == 100
    assert not Count.objects.exists()


def test_a_count_is_begun_once(db):
    cache = DatabaseCounts("", {})
    assert cache.add("n", 5, 60)
    assert not cache.add("n", 1, 60)
    assert cache.incr("n") == 6
    assert cache.get("other", 0) == 0
    with pytest.raises(ValueError):
        cache.incr("other")


def test_what_has_expired_begins_anew_and_leaves_no_row(db):
    cache = DatabaseCounts("", {})
    cache.add("n", 5, 60)
    cache.add("m", 5, 60)
    Count.objects.update(expires=timezone.now() - timedelta(seconds=1))
    assert cache.get("n") is None
    assert cache.add("n", 1, 60)
    assert Count.objects.count() == 1


def sign_in(client):
    return client.post("/sign-in/", {"username": "alice@example.com", "password": "wrong"})


def test_redis_that_is_not_there_keeps_nobody_from_signing_in(client, alice, in_redis):
    in_redis(f"redis://127.0.0.1:{closed_port()}/0")
    alice.set_password(PASSWORD)
    alice.save()
    with capture_logs() as lines:
        data = {"username": alice.email, "password": PASSWORD}
        assert client.post("/sign-in/", data).status_code == 302
    assert [line["event"] for line in lines] == ["counts.redis_unavailable"]


def test_without_redis_tries_are_counted_all_the_same(client, alice, in_redis):
    in_redis(f"redis://127.0.0.1:{closed_port()}/0")
    statuses = [sign_in(client).status_code for _ in range(limits.SIGN_IN_ACCOUNT.count + 1)]
    assert statuses == [422] * limits.SIGN_IN_ACCOUNT.count + [429]


def test_redis_that_returns_is_used_again(db, in_redis, monkeypatch):
    port = closed_port()
    in_redis(f"redis://127.0.0.1:{port}/0")
    monkeypatch.setattr("marketplace.counts.REST_SECONDS", 0.0)
    cache = caches["default"]
    with capture_logs():
        assert cache.add("n", 1, 60)
    with valkey(port):
        assert cache.add("n", 7, 60)
        assert cache.incr("n") == 8
