"""Lines of the log on their way out: written by a thread of their own, so that whoever logs never waits.

A sink that nobody reads (a full pipe, a stuck journal, a full disk) would otherwise stop the event loop, and every call
with it, at the first line that does not fit.
"""

from __future__ import annotations

import logging
import os
import threading
from queue import SimpleQueue

MOST = 10_000
"""Lines that may wait. What comes beyond them is dropped and counted."""

FLUSH_SECONDS = 1.0
"""How long the end of the process waits for what is left."""


class LineHandler(logging.Handler):
    """To a file descriptor, standard error unless told otherwise. ``dropped`` counts since the last line went out;
    the next one says so.
    """

    def __init__(self, descriptor: int = 2) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._begin()
        os.register_at_fork(after_in_child=self._begin)  # threads stay behind in the parent

    def _begin(self) -> None:
        self.dropped = 0
        self._waiting: SimpleQueue[str | threading.Event] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if self._waiting.qsize() >= MOST:
            self.dropped += 1
            return
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001  # as logging wants it: a line that cannot be made stops nobody
            self.handleError(record)
            return
        self._waiting.put(line)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="log-lines", daemon=True)
            self._thread.start()

    def flush(self) -> None:
        """Waits until what has been logged so far is out, but not for ever."""
        if self._thread is not None:
            out = threading.Event()
            self._waiting.put(out)
            out.wait(FLUSH_SECONDS)

    def _run(self) -> None:
        while True:
            item = self._waiting.get()
            if isinstance(item, threading.Event):
                item.set()
                continue
            if self._write(item) and self.dropped:
                self._confess()

    def _write(self, line: str) -> bool:
        """Straight to the descriptor: a thread that is stuck inside sys.stderr would keep the process from ending."""
        data = line.encode("utf-8", "backslashreplace") + b"\n"
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError:
            self.dropped += 1
            return False
        return True

    def _confess(self) -> None:
        lines, self.dropped = self.dropped, 0
        facts = {"name": __name__, "levelno": logging.WARNING, "levelname": "WARNING"}
        record = logging.makeLogRecord({**facts, "msg": "log.lines_dropped", "lines": lines})
        self._write(self.format(record))
