"""Who sends tokens that are none of ours, and how many: ten a minute from one address, then none is looked up.

Guessing a token is hopeless, but each try costs a look and a line in the log. A token that was good here before is
never refused for what others behind the same address send.
"""

from __future__ import annotations

import ipaddress
import time

from aiproxy.errors import TooManyBadTokens
from aiproxy.metering import meters
from aiproxy.metering.meters import Ask, Level, Meter
from integrations.lru import Lru

ADDRESSES, TOKENS = 4096, 8192
"""How many of each are remembered."""

_STRIKE = Ask(Meter("bad tokens", "rate", 10), 1)


def check(address: str, token: str) -> None:
    """Raises TooManyBadTokens. An empty address is nobody's."""
    level = _levels.get(_place(address)) if len(_levels) and address else None
    if level is None:
        return
    now = time.monotonic()
    used = meters.used(level, _STRIKE.meter, now)
    if not meters.fits(_STRIKE, used) and not _good.get(hash(token)):
        raise TooManyBadTokens(
            "Too many access tokens that are not known here came from your address. Check the token, then wait a "
            "moment.",
            retry_after=meters.wait(_STRIKE, used, now),
        )


def good(token: str) -> None:
    """Python's hash of text is keyed by the process: nobody can aim at another's."""
    _good.put(hash(token), True)


def bad(address: str, token: str) -> None:
    _good.put(hash(token), False)
    if address:
        place = _place(address)
        level = _levels.get(place) or Level()
        meters.put(level, _STRIKE, "", time.monotonic(), 0.0)
        _levels.put(place, level)


def forget() -> None:
    """Begin anew, as a new process would."""
    _levels.clear()
    _good.clear()


def _place(address: str) -> str:
    """One caller has a whole /64 of IPv6 addresses."""
    if ":" not in address:
        return address
    try:
        return str(ipaddress.ip_network((address, 64), strict=False))
    except ValueError:
        return address


_levels: Lru[str, Level] = Lru(ADDRESSES)
_good: Lru[int, bool] = Lru(TOKENS)
