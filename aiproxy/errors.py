"""Our own reasons to refuse or lose a call. They join the tree of ``providers.errors``."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from integrations.errors import NotAllowed
from providers.errors import (
    CallError,
    CallTimeout,
    Cancelled,
    ConnectFailed,
    InvalidRequest,
    NotFound,
    QuotaExceeded,
    RateLimited,
    ServerError,
)
from providers.wire import Change


class NoRoute(NotFound):
    """No integration of the caller's serves this model."""


class BodyTooLarge(InvalidRequest):
    status = 413


class BodyTooSlow(CallTimeout):
    """The caller did not send its request in time; nothing was done."""

    status = 408
    breaks = False


class MethodNotAllowed(InvalidRequest):
    status = 405


class OriginRefused(NotAllowed):
    """The web page that calls is not among those which the integration allows."""


class PathRefused(NotAllowed):
    """The relay does not carry this to the provider."""


class BreakerOpen(ServerError):
    """The integration failed several times in a row and is left alone for a while."""

    status = 503
    breaks = False


class LimitReached(RateLimited):
    """A rate or a number of calls at once that the account or the token may have; wherever the call goes."""

    fall_back = False


class TargetLimitReached(LimitReached):
    """The same for one provider or integration."""

    fall_back = True


class BudgetUsedUp(QuotaExceeded):
    """The account's or the token's budget has no room for the call; wherever it goes."""

    fall_back = False


class TargetBudgetUsedUp(BudgetUsedUp):
    """The same for one provider or integration."""

    fall_back = True


class Unpriced(QuotaExceeded):
    """There is a budget in money, and nobody knows what the model costs."""


class BudgetUnknown(ServerError):
    """There is a budget, and the database does not tell what is left of it."""

    status = 503
    fall_back = False
    breaks = False


class Paused(RateLimited):
    """The provider has asked to be left alone for a while, and that is not over yet."""


class TooManyBadTokens(RateLimited):
    """Too many tokens that are none of ours came from one address."""

    fall_back = False


class Busy(ServerError):
    """This worker has as many calls under way as it may; nothing was done."""

    status = 503
    fall_back = False
    breaks = False


class OutOfTime(CallTimeout):
    """The whole call took too long, or longer than its caller wanted. That tells nothing about who was asked last."""

    fall_back = False
    breaks = False


class NoSocketLeft(ConnectFailed):
    """This server has as many connections open as it may; no provider was asked."""

    status = 503
    fall_back = False
    breaks = False


class Restarting(ServerError):
    """The server is told to stop, and its calls have had the time they get."""

    status = 503
    fall_back = False
    breaks = False

    def __init__(self) -> None:
        super().__init__(
            "The server is shutting down and had to end this call. Send it again.", retry_after=1
        )


class NotAsItIs(InvalidRequest):
    """The provider's format cannot carry the call as it is, and the caller wants it so or not at all."""

    def __init__(self, changes: Sequence[Change]) -> None:
        told = "; ".join(map(str, changes))
        super().__init__(
            f"The call was not sent, because strict forbids to change it. Change it yourself, or leave strict "
            f"out: {told}.",
            param=changes[0].what if len(changes) == 1 else None,
        )


DATABASE_SECONDS = 5.0
"""When a call may be sent again after the database was away: it is looked for each second."""


class NoDatabase(ServerError):
    """Nothing can be looked up or recorded, so no call is begun: it would be paid for and not confirmed."""

    status = 503
    fall_back = False
    breaks = False

    def __init__(self) -> None:
        super().__init__(
            "The server cannot reach its database, so it takes no calls just now. Send the call again in a few "
            "seconds; if this stays, the operator should look at the database.",
            retry_after=DATABASE_SECONDS,
        )


class NotRecorded(ServerError):
    """The provider answered but the usage record could not be written, so the answer is not confirmed."""

    status = 503
    fall_back = False
    breaks = False

    def __init__(self) -> None:
        super().__init__(
            "The call could not be recorded, so it was not confirmed. The operator should look at the "
            "database and its disk; then send the call again.",
            retry_after=DATABASE_SECONDS,
        )


class DiskFull(NotRecorded):
    """As NotRecorded, and the reason is known."""

    status = 507

    def __init__(self) -> None:
        ServerError.__init__(
            self,
            "The disk of this server is full, so the call could not be recorded and was not confirmed. The operator "
            "must free some space; then send the call again.",
        )


class StillRunning(InvalidRequest):
    """The first call with this Idempotency-Key has no answer yet."""

    status = 409
    retryable = True

    def __init__(self) -> None:
        super().__init__(
            "The first call with this Idempotency-Key is still under way. Ask again in a moment for its answer.",
            param="Idempotency-Key",
            retry_after=1,
        )


class KeyReused(InvalidRequest):
    """An Idempotency-Key that was used for another call."""

    status = 422

    def __init__(self) -> None:
        super().__init__(
            "This Idempotency-Key was used for another call. Send the same body to the same address to get that "
            "call's answer, or a new key with a new call.",
            param="Idempotency-Key",
        )


class CannotRepeat(InvalidRequest):
    """There is no answer to give again, and carrying the call out twice is what its key is to prevent."""

    status = 409

    def __init__(self, request_id: str, why: str) -> None:
        super().__init__(
            f"The first call with this Idempotency-Key ({request_id}) {why}. It is not carried out a second time: "
            "a new key starts afresh.",
            param="Idempotency-Key",
        )


class KeyNotNoted(ServerError):
    """The database did not take the Idempotency-Key, so nothing was sent."""

    status = 503
    fall_back = False
    sent = False
    breaks = False

    def __init__(self) -> None:
        super().__init__(
            "The Idempotency-Key could not be written down, so nothing was sent. Send the call again."
        )


def as_call_error(error: BaseException) -> CallError:
    """``error`` in our vocabulary: what it is, or what it means for a call that it ended."""
    if isinstance(error, CallError):
        return error
    if isinstance(error, asyncio.CancelledError | GeneratorExit):
        return Cancelled(
            "The call ended before its answer was complete: the caller left, or the server stopped."
        )
    return ServerError("Something went wrong on our side.")
