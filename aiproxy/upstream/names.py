"""Host names to addresses, in threads of their own: one for each name that is being asked for.

The event loop's own look-up shares few threads between all names (uvloop has four of them), so that a handful of
names whose server keeps silent would hold up every other provider. A thread that waits for a name server cannot be
stopped. It stays until the system gives up, and whoever asks for the same name meanwhile waits with it.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
from contextlib import suppress
from socket import getaddrinfo
from typing import Any

MOST = 64
"""Names that may be looked up at the same time; a look-up beyond them fails at once."""

Found = list[tuple[Any, ...]]
"""As socket.getaddrinfo gives it."""

_Name = tuple[str, int, int]


class LookUps:
    """For one event loop."""

    def __init__(self) -> None:
        self._under_way: dict[_Name, asyncio.Future[Found]] = {}

    async def addresses(self, host: str, port: int, family: int) -> Found:
        """Raises OSError or UnicodeError. Leaving early stops nobody else's waiting."""
        name = (host, port, family)
        return await asyncio.shield(self._under_way.get(name) or self._begin(name))

    def _begin(self, name: _Name) -> asyncio.Future[Found]:
        if len(self._under_way) >= MOST:
            raise OSError(errno.EAGAIN, "too many names are being looked up")
        found: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
        threading.Thread(target=_ask, args=(name, found), name="look-up", daemon=True).start()
        self._under_way[name] = found
        found.add_done_callback(lambda _: self._end(name))
        return found

    def _end(self, name: _Name) -> None:
        self._under_way.pop(name).exception()  # looked at, though everybody may have left


def _ask(name: _Name, found: asyncio.Future[Found]) -> None:
    host, port, family = name
    try:
        answer, error = getaddrinfo(host, port, family, socket.SOCK_STREAM), None
    except (OSError, UnicodeError) as failure:
        answer, error = [], failure
    with suppress(RuntimeError):  # the loop has been closed meanwhile
        found.get_loop().call_soon_threadsafe(_settle, found, answer, error)


def _settle(found: asyncio.Future[Found], answer: Found, error: Exception | None) -> None:
    if error is None:
        found.set_result(answer)
    else:
        found.set_exception(error)
