"""Breakers of several workers: here two boards on one database stand for them."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import OperationalError
from django.utils import timezone

from aiproxy.gateway.breaker import THRESHOLD, Breakers
from aiproxy.models import OpenBreaker
from aiproxy.state import breakers as state
from aiproxy.state.breakers import Board

pytestmark = pytest.mark.django_db(transaction=True)


class Worker:
    def __init__(self):
        self.breakers = Breakers()
        self.board = Board(self.breakers)

    def fail(self, integration, times=THRESHOLD):
        for _ in range(times):
            self.breakers.of(integration).failed(time.monotonic())

    def allows(self, integration):
        return self.breakers.of(integration).allows(time.monotonic())


async def exchange(*workers):
    for worker in workers:
        await worker.board.exchange()


@pytest.fixture
def one():
    return Worker()


@pytest.fixture
def other():
    return Worker()


@pytest.fixture
def integration():
    return uuid4()


async def past(integration):
    """The time for which it is left alone is over."""
    await OpenBreaker.objects.filter(pk=integration).aupdate(
        open_until=timezone.now() - timedelta(seconds=1)
    )


async def test_what_one_opens_is_open_for_the_other(one, other, integration):
    await exchange(one, other)
    one.fail(integration)
    await exchange(one, other)
    assert not other.allows(integration)
    assert 25 < other.breakers.paused(integration) <= 30


async def test_failures_that_open_nothing_are_told_to_nobody(one, other, integration):
    one.fail(integration, THRESHOLD - 1)
    await exchange(one, other)
    assert not await OpenBreaker.objects.aexists()


async def test_what_one_reaches_again_is_open_to_all(one, other, integration):
    one.fail(integration)
    await exchange(one, other)
    await past(integration)
    await exchange(one, other)
    assert one.allows(integration)
    one.breakers.of(integration).succeeded()
    await exchange(one, other)
    assert other.breakers.of(integration).state(time.monotonic()) == "closed"
    assert not await OpenBreaker.objects.aexists()


async def test_a_probe_that_fails_at_one_keeps_the_other_away_for_longer(one, other, integration):
    one.fail(integration)
    await exchange(one, other)
    await past(integration)
    await exchange(one, other)
    assert one.allows(integration)
    one.fail(integration, 1)
    await exchange(one, other)
    assert 50 < other.breakers.paused(integration) <= 60


async def test_a_reset_at_one_that_never_heard_of_it_holds_for_all(one, other, integration):
    one.fail(integration)
    await exchange(one)
    other.breakers.reset(integration)
    await exchange(other, one)
    assert one.allows(integration)


async def test_a_restarted_worker_knows_what_was_open(one, integration):
    one.fail(integration)
    await exchange(one)
    again = Worker()
    await exchange(again)
    assert not again.allows(integration)


async def test_after_a_long_stop_one_call_tries_first(one, integration):
    one.fail(integration)
    await exchange(one)
    await past(integration)
    again = Worker()
    await exchange(again)
    assert again.allows(integration)
    assert not again.allows(integration)


async def test_what_could_not_be_posted_is_posted_later(one, other, integration, monkeypatch):
    def away(*_):
        raise OperationalError

    one.fail(integration)
    with monkeypatch.context() as patch:
        patch.setattr(state, "_exchange", away)
        with pytest.raises(OperationalError):
            await exchange(one)
    await exchange(one, other)
    assert not other.allows(integration)


async def test_what_happens_while_it_reads_is_newer_than_what_it_reads(one, other, integration):
    one.fail(integration)
    await exchange(one)
    reading = asyncio.create_task(one.board.exchange())
    await asyncio.sleep(0)
    one.breakers.reset(integration)
    await reading
    assert one.allows(integration)
    await exchange(one, other)
    assert other.allows(integration)


async def test_an_opening_is_posted_without_waiting_for_the_next_second(one, integration):
    waiting = asyncio.create_task(one.board.wait(60))
    await asyncio.sleep(0)
    one.fail(integration)
    await asyncio.wait_for(waiting, 5)


async def test_what_nobody_called_for_a_day_is_forgotten(one, integration):
    await OpenBreaker.objects.acreate(
        integration_id=uuid4(), open_until=timezone.now() - timedelta(days=2), trips=3
    )
    one.fail(integration)
    await exchange(one)
    assert [row.pk async for row in OpenBreaker.objects.all()] == [integration]
