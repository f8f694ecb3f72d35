"""What the workers of one installation share: the levels, wherever they are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from aiproxy.metering.meters import Ask, Meter


class Taken(NamedTuple):
    """Whether all fitted and were taken, and how much was used of each before. ``untold``: nothing was looked at,
    because there is a budget of which the store does not know what is paid; ask again and tell it.
    """

    fit: bool
    before: Sequence[float]
    untold: bool = False


class Store(Protocol):
    """All may raise ``aiproxy.state.redis.Unavailable``: then each worker decides alone."""

    async def take(self, asks: Sequence[Ask], lease: str, paid: Mapping[str, int]) -> Taken:
        """All or nothing. ``paid`` tells, by the key of the meter, what at least is paid of a budget."""

    async def settle(self, asks: Sequence[Ask], lease: str, actual: Sequence[int]) -> None:
        """The call has ended and used ``actual``."""

    async def renew(self, asks: Sequence[Ask], lease: str) -> None:
        """The call is still under way; what it holds is held for another LEASE_SECONDS, if need be anew."""

    async def used(self, meters: Sequence[Meter]) -> list[float | None]:
        """None for a budget that the store has not been told."""

    async def sweep(self) -> None:
        """Forget what is over. Called now and then."""
