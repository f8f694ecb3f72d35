"""Who calls the management API: a person in the browser (then CSRF holds) or a program with an access token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from asgiref.sync import sync_to_async
from django.db import DatabaseError
from django.http import HttpRequest
from django.utils import timezone
from ninja.errors import HttpError
from ninja.security.base import AuthBase
from ninja.utils import check_csrf

from aiproxy.endpoints.caller import KEY_HEADERS, caller_of
from integrations import access, tokens
from integrations.audit import Actor
from integrations.errors import NotAllowed, TokenRejected
from integrations.tokens import Caller
from marketplace import limits
from marketplace.models import User

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Principal:
    """The account, and what its caller may do with it."""

    user: User
    caller: Caller
    actor: Actor

    @property
    def is_person(self) -> bool:
        return self.caller.token_id is None

    def need_person(self, act: str) -> None:
        """Raises NotAllowed for a program: a stolen token shall not be able to make itself another."""
        if not self.is_person:
            raise NotAllowed(
                f"An access token cannot {act}. Do it on the Tokens page, or with `manage.py token create`."
            )


class TokenAuth(AuthBase):
    """``Authorization: Bearer aimp_…`` or ``x-api-key: aimp_…``; a bad one is refused, also beside a good cookie."""

    openapi_type = "http"
    openapi_scheme = "bearer"

    async def __call__(self, request: HttpRequest) -> Principal | None:
        headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1", "replace"))
            for name, value in request.headers.items()
        ]
        if not any(name == b"authorization" or name in KEY_HEADERS for name, _ in headers):
            return None
        found = await caller_of(headers, limits.address(request))
        user = await User.objects.filter(pk=found.user_id, is_active=True).afirst()
        if user is None:
            raise TokenRejected("The account of this access token is switched off.")
        if found.token_id is not None:
            await _note_use(found.token_id)
        return Principal(user, found, _actor(request, user, found))


async def _note_use(token_id: UUID) -> None:
    """A database that cannot be written to must not stand in the way of reading."""
    try:
        await sync_to_async(access.touch)((), [token_id], timezone.now())
    except DatabaseError as error:
        log.warning("token.use_not_noted", token=str(token_id), error=type(error).__name__)


class SessionAuth(AuthBase):
    """The browser's session. As in every form, what changes something needs the CSRF token."""

    openapi_type = "apiKey"
    openapi_name = "session"
    openapi_in = "cookie"

    def __init__(self) -> None:
        super().__init__()
        self.openapi_security_schema.update({"in": "cookie", "name": "session"})

    async def __call__(self, request: HttpRequest) -> Principal | None:
        user = await request.auser()
        if not isinstance(user, User):
            return None
        if check_csrf(request) is not None:
            raise HttpError(403, "The CSRF token is missing or wrong; send it as X-CSRFToken.")
        found = tokens.signed_in(user.pk)
        return Principal(user, found, _actor(request, user, found))


def _actor(request: HttpRequest, user: User, caller: Caller) -> Actor:
    return Actor(
        user.pk,
        caller.token_id,
        limits.address(request) or None,
        getattr(request, "request_id", ""),
    )


def caller(request: HttpRequest) -> Principal:
    """Who sent this request. What they may do is still to be asked."""
    principal: Any = request.auth  # type: ignore[attr-defined]  # set by ninja
    assert isinstance(principal, Principal)
    return principal


def may(request: HttpRequest, scope: str) -> Principal:
    """The caller of this request, who must have ``scope``; raises NotAllowed."""
    principal = caller(request)
    principal.caller.need(scope)
    return principal


def administrator(request: HttpRequest) -> Principal:
    """The caller, who may change what everybody uses; raises NotAllowed."""
    principal = may(request, "providers:write")
    access.need_administrator(principal.user)
    return principal
