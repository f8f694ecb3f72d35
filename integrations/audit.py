"""The vocabulary of recorded acts, and the one writer of audit events.

An event is written in the transaction of what it tells of: if it cannot be written, the act did not happen.
No event holds a secret: ``record`` blanks what is called like one, whatever the caller passed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models import Model

from integrations.models import AuditEvent
from integrations.secret import MASK, Secret

TEXT_LIMIT = 500
_SECRET_NAME = re.compile(
    r"key|secret|token|password|authorization|cookie|headers?$", re.IGNORECASE
)
_TOKEN = re.compile(r"\baim[psor]_[0-9A-Za-z]{20,}")


class Act(StrEnum):
    INTEGRATION_CREATED = "integration.created"
    INTEGRATION_EDITED = "integration.edited"
    INTEGRATION_ENABLED = "integration.enabled"
    INTEGRATION_DISABLED = "integration.disabled"
    INTEGRATION_DELETED = "integration.deleted"
    INTEGRATION_TESTED = "integration.tested"
    CREDENTIAL_BROKEN = "credential.broken"
    TOKEN_ISSUED = "token.issued"
    TOKEN_REVOKED = "token.revoked"
    PROVIDER_CREATED = "provider.created"
    PROVIDER_EDITED = "provider.edited"
    PROVIDER_DELETED = "provider.deleted"
    MODEL_CREATED = "model.created"
    MODEL_EDITED = "model.edited"
    MODEL_DELETED = "model.deleted"
    MODELS_ADOPTED = "models.adopted"
    SERVER_KEY_SHARED = "server_key.shared"
    SERVER_KEY_UNSHARED = "server_key.unshared"
    ALIAS_CREATED = "alias.created"
    ALIAS_EDITED = "alias.edited"
    ALIAS_DELETED = "alias.deleted"
    LIMIT_SET = "limit.set"
    LIMIT_REMOVED = "limit.removed"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something, and from where. All empty: the program itself, or a command on its machine."""

    user_id: UUID | None = None
    token_id: UUID | None = None
    ip: str | None = None
    request_id: str = ""


SYSTEM = Actor()


def record(
    actor: Actor, act: Act, target: Model, data: Mapping[str, Any] | None = None
) -> AuditEvent:
    """Write one event about ``target``, which may be deleted already. Call inside the act's transaction.

    What has no owner belongs to the installation, and so does its event: administrators may read it.
    """
    return AuditEvent.objects.create(
        owner_id=getattr(target, "owner_id", None),
        actor_id=actor.user_id,
        actor_name=_name(actor.user_id),
        token_id=actor.token_id,
        action=act,
        target_type=target._meta.label_lower.partition(".")[2],
        target_id=str(target.pk),
        target_name=clean(str(target))[:200],
        ip=actor.ip,
        request_id=clean(actor.request_id)[:100],
        data=redacted(data or {}),
    )


def redacted(value: Any, name: str = "") -> Any:
    """``value`` as JSON may hold it: nothing called like a secret, no control characters, no long text."""
    if isinstance(value, Secret):
        return str(value)
    if _SECRET_NAME.search(name) and not isinstance(value, bool | int | float | None):
        return MASK
    if isinstance(value, Mapping):
        return {clean(str(key)): redacted(item, str(key)) for key, item in value.items()}
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, str):
        return [redacted(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return _TOKEN.sub(MASK, clean(str(value)))[:TEXT_LIMIT]


def clean(text: str) -> str:
    """Without control characters, so that no name can forge a line of a log or colour a terminal."""
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )


def _name(user_id: UUID | None) -> str:
    if user_id is None:
        return ""
    user = get_user_model().objects.filter(pk=user_id).first()
    return user.get_username()[:254] if user else ""
