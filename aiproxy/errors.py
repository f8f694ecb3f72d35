"""Our own reasons to refuse or lose a call. They join the tree of ``providers.errors``."""

from __future__ import annotations

from collections.abc import Sequence

from providers.errors import CallTimeout, InvalidRequest, NotFound, ServerError
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


class BreakerOpen(ServerError):
    """The integration failed several times in a row and is left alone for a while."""

    status = 503
    breaks = False


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
