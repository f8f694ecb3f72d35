"""Our own reasons to refuse or lose a call. They join the tree of ``providers.errors``."""

from __future__ import annotations

from providers.errors import CallTimeout, InvalidRequest, NotFound, ServerError


class NoRoute(NotFound):
    """No integration of the caller's serves this model."""


class BodyTooLarge(InvalidRequest):
    status = 413


class BodyTooSlow(CallTimeout):
    """The caller did not send its request in time; nothing was done."""

    status = 408


class MethodNotAllowed(InvalidRequest):
    status = 405


class NotRecorded(ServerError):
    """The provider answered but the usage record could not be written, so the answer is not confirmed."""

    status = 503
    fall_back = False

    def __init__(self) -> None:
        super().__init__(
            "The call could not be recorded, so it was not confirmed. The operator should look at the "
            "database and its disk; then send the call again."
        )
