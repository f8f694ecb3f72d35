"""/api/tokens: access tokens. Only a person can issue one; the text is in that one answer."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Status

from integrations import access
from integrations.actions import tokens as actions
from integrations.models import AccessToken
from marketplace.api import schema
from marketplace.api.door import may
from marketplace.api.errors import DOCUMENTED

router = Router(tags=["Tokens"])


@router.get("", response={200: list[schema.Token], **DOCUMENTED}, summary="All my tokens")
def list_all(request: HttpRequest) -> list[schema.Token]:
    """Also revoked and expired ones, newest first. Scope `tokens:read`."""
    me = may(request, "tokens:read")
    rows = access.tokens_of(me.user).prefetch_related("integrations").order_by("-created_at")
    return [schema.Token(**_facts(row)) for row in rows]


@router.post("", response={201: schema.NewToken, **DOCUMENTED}, summary="Issue a token")
def issue(request: HttpRequest, payload: schema.TokenCreate) -> Status[schema.NewToken]:
    """Signed-in people only: a token cannot make another token."""
    me = may(request, "tokens:write")
    me.need_person("issue access tokens")
    row, text = actions.issue(
        me.actor,
        me.user,
        name=payload.name,
        scopes=payload.scopes,
        integrations=[access.get_integration(me.user, id) for id in payload.integrations],
        # Left out is the default; null, which has to be said, is for ever.
        expires_at=payload.expiresAt if "expiresAt" in payload.model_fields_set else "default",
    )
    return Status(201, schema.NewToken(**_facts(row), token=text.plain()))


@router.delete("/{token_id}", response={204: None, **DOCUMENTED}, summary="Revoke a token")
def revoke(request: HttpRequest, token_id: UUID) -> Status[None]:
    """It stops working at once. Scope `tokens:write`."""
    me = may(request, "tokens:write")
    actions.revoke(me.actor, access.get_token(me.user, token_id))
    return Status(204, None)


def _facts(row: AccessToken) -> dict[str, Any]:
    return {
        "id": row.pk,
        "name": row.name,
        "prefix": row.prefix,
        "last4": row.last4,
        "scopes": row.scopes,
        "integrations": [integration.pk for integration in row.integrations.all()],
        "state": row.state,
        "expiresAt": row.expires_at,
        "revokedAt": row.revoked_at,
        "lastUsed": row.last_used,
        "createdAt": row.created_at,
    }
