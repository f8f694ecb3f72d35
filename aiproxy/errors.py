"""Our own reasons to refuse or lose a call. They join the tree of ``providers.errors``."""

from __future__ import annotations

from collections.abc import Sequence

from integrations.errors import NotAllowed
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


class OriginRefused(NotAllowed):
    """The web page that calls is not among those which the integration allows."""


class PathRefused(NotAllowed):
    """The relay does not carry this to the provider."""


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


class NotRecorded(ServerError):
    """The provider answered but the usage record could not be written, so the answer is not confirmed."""

    status = 503
    fall_back = False
    breaks = False

    def __init__(self) -> None:
        super().__init__(
            "The call could not be recorded, so it was not confirmed. The operator should look at the "
            "database and its disk; then send the call again."
        )
