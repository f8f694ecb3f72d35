"""Several processes that serve one address, and the one that keeps them serving.

Not uvicorn's own: that one ends everything when a worker cannot start, for which a database that is away for a moment
is enough, looks for dead workers by and by, and leaves them serving when it is killed itself.

Each worker is a fresh interpreter, so nothing of the supervisor's threads and connections is in it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection, wait
from types import FrameType
from typing import Any

import structlog

from marketplace import server
from marketplace.draining import patience
from marketplace.protocol import Listener, drop_the_gone
from marketplace.server import BACKLOG, Server

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.2
SPARE_SECONDS = 5.0
"""Beyond what a worker itself takes to stop; one that still runs then is killed."""
SETTLED_SECONDS = 10.0
"""A worker that lived shorter died at once: when that happens again, the next one waits, and longer each time."""
LONGEST_PAUSE = 4.0

_context = multiprocessing.get_context("spawn")


class CannotStart(Exception):
    """A worker ended before all of them served. The log says why."""


def pause(quick_deaths: int) -> float:
    """Seconds until a worker is started again after so many in a row that died at once."""
    return min(LONGEST_PAUSE, 0.25 * 2**quick_deaths) if quick_deaths > 1 else 0.0


def door_of(listener: Listener) -> Callable[[], Listener]:
    """How each worker opens the address of ``listener``.

    Linux deals connections out to the sockets of one address (sixteen at once: 7 and 9). From one socket, whoever
    wakes first takes all that wait (16 and 0), so one worker would idle; elsewhere there is nothing better.
    """
    if sys.platform != "linux":
        return partial(_same, listener)
    address, family = listener.getsockname(), listener.family
    listener.close()
    return partial(_own, address, family)


def _own(address: tuple[Any, ...], family: int) -> Listener:
    listener = socket.create_server(address, family=family, backlog=BACKLOG, reuse_port=True)
    drop_the_gone(listener)
    return listener


def _same(listener: Listener) -> Listener:
    return listener


class Place:
    """One worker, and after its death the next."""

    def __init__(self, door: Callable[[], Listener]) -> None:
        self._door = door
        self._quick_deaths = 0
        self._due: float | None = None
        self._start()

    def _start(self) -> None:
        self._due = None
        self._born = time.monotonic()
        self.serves = False
        self.ready, tell = _context.Pipe(duplex=False)
        self.process = _context.Process(target=work, args=(self._door, tell), daemon=True)
        self.process.start()
        tell.close()

    @property
    def pauses(self) -> bool:
        """Whether nobody works here for the moment."""
        return self._due is not None

    def begin(self) -> None:
        """Note whether it has told that it serves. Raises CannotStart when it has ended."""
        if not self.process.is_alive():
            raise CannotStart
        if not self.serves and self.ready.poll():
            self.serves = True

    def tend(self) -> None:
        """See to it that a worker runs here."""
        now = time.monotonic()
        if self._due is None and not self.process.is_alive():
            log.error("worker.died", pid=self.process.pid, code=self.process.exitcode)
            self._quick_deaths += 1
            if now - self._born > SETTLED_SECONDS:
                self._quick_deaths = 0
            self._due = now + pause(self._quick_deaths)
        if self._due is not None and now >= self._due:
            self.ready.close()
            self._start()


class Supervisor:
    """``run`` it in the main thread."""

    def __init__(self, listener: Listener, workers: int) -> None:
        self.listener = listener
        self.workers = workers
        self.places: list[Place] = []
        self.told = 0
        """How often it was told to stop."""

    def run(self, ready: Callable[[], None]) -> None:
        """Calls ``ready`` when all workers serve; returns after SIGTERM or SIGINT, when their answers are finished.

        A second SIGINT does not wait for them. Raises CannotStart.
        """
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)
        try:
            door = door_of(self.listener)
            self.places = [Place(door) for _ in range(self.workers)]
            while not self.told and not all(place.serves for place in self.places):
                self._look([place.ready for place in self.places if not place.serves])
                for place in self.places:
                    place.begin()
            if not self.told:
                ready()
            while not self.told:
                self._look([])
                for place in self.places:
                    place.tend()
        finally:
            self._end()

    def _look(self, news: list[Connection]) -> None:
        """Wait for a moment, or until a worker has something to tell or ends."""
        alive = [place.process.sentinel for place in self.places if not place.pauses]
        wait([*news, *alive], LOOK_SECONDS)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.told += number == signal.SIGINT or not self.told

    def _end(self) -> None:
        """Nobody new is let in; what is under way finishes."""
        self.listener.close()
        for place in self.places:
            place.process.terminate()
        end = time.monotonic() + patience() + SPARE_SECONDS
        for place in self.places:
            while place.process.is_alive() and self.told < 2 and time.monotonic() < end:
                place.process.join(LOOK_SECONDS)
            if place.process.is_alive():
                log.error("worker.killed", pid=place.process.pid)
                place.process.kill()
                place.process.join()


def work(door: Callable[[], Listener], tell: Connection) -> None:
    """All that a worker does. It ends with its supervisor, however that ends."""
    os.setpgrp()  # Ctrl-C is for the supervisor, which passes it on
    threading.Thread(target=_end_with_supervisor, daemon=True).start()

    def ready() -> None:
        with suppress(OSError):  # the supervisor has just ended, and so will this
            tell.send_bytes(b"ready")

    config = server.config()
    config.load()  # the slow part comes first: who is let in from here on is soon answered
    Server(config, ready).run(sockets=[door()])


def _end_with_supervisor() -> None:
    supervisor = multiprocessing.parent_process()
    assert supervisor is not None
    supervisor.join()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(patience() + SPARE_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)
