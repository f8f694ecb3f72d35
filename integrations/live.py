"""The call path's view of custody: who calls, and what they may call, without a query or a decryption per call.

Everything here is remembered per process. ``changed`` drops it (actions do that when they commit), and
``refresh``, called every second, drops it when another process changed something. So another process's change
holds here within a second; this process's holds at once. What else keeps rows in memory registers with ``keep``.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ParamSpec, Protocol, TypeVar
from uuid import UUID

from asgiref.sync import sync_to_async
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import connections as databases
from django.db import transaction
from django.utils import timezone

from integrations import audit, credentials, endpoints, policy, shared, tokens
from integrations.audit import SYSTEM, Act
from integrations.errors import SealBroken, TokenRejected
from integrations.inputs import IntegrationInput, check, kept_headers, kept_key
from integrations.lru import Lru
from integrations.models import AccessToken, Integration, Revision, SharedKey
from integrations.policy import CallPolicy
from integrations.secret import NO_SECRET, Headers, Secret
from integrations.tokens import Caller
from providers import registry
from providers.adapters import custom_mapping
from providers.adapters.custom_mapping import BadMapping, CustomMapping
from providers.catalogue.spec import Auth, ProviderSpec
from providers.endpoint import BadEndpoint, Endpoint
from providers.registry import catalogue

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger(__name__)

MISTYPED = "This is not an access token of this server: it is mistyped or cut short. Copy it again."
UNKNOWN = "This access token is not known here. Issue a new one on the Tokens page."
REVOKED = "This access token has been revoked. Issue a new one on the Tokens page."
EXPIRED = "This access token has expired. Issue a new one on the Tokens page."


@dataclass(frozen=True, slots=True)
class Connection:
    """An integration ready to be called. Showing one shows no secret.

    ``headers`` are the provider's, then those of its fields, then the owner's own. ``model`` is the default one;
    ``models`` are the owner's additions to ``provider.models``. ``broken``: its sealed key or headers do not
    open, so it has none and must not be called.
    """

    id: UUID
    owner_id: UUID
    provider: ProviderSpec
    name: str
    endpoint: Endpoint
    auth: Auth
    secret: Secret
    headers: Mapping[str, str]
    model: str
    models: tuple[str, ...]
    defaults: Mapping[str, Any]
    enabled: bool
    has_key: bool
    broken: bool = False
    shared: bool = False
    """The key is the server's own: see ``integrations.shared``."""
    mapping: CustomMapping | BadMapping | None = None
    """The owner's own, where the provider's format is left to the owner."""
    policy: CallPolicy = policy.USUAL
    edited: str = ""
    """Another text after each edit, for what is remembered of earlier answers."""


class _Memory:
    """``generation`` guards against remembering what was read before a change and arrives after it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.generation = 0
        self.revision: int | None = None
        self.callers: Lru[str, tuple[Caller, str]] = Lru(4096)
        """By the digest with the pepper in force, with the digest that is stored."""
        self.unknown: Lru[str, bool] = Lru(1024)
        self.revoked: Lru[str, bool] = Lru(4096)
        self.connections: Lru[UUID, tuple[Connection, ...]] = Lru(2048)
        self.reported: Lru[tuple[UUID, str], bool] = Lru(1024)

    def clear(self) -> None:
        with self.lock:
            self.generation += 1
            self.callers.clear()
            self.unknown.clear()
            self.connections.clear()

    def put(self, cache: Lru[Any, Any], key: Any, value: Any, generation: int) -> None:
        with self.lock:
            if generation == self.generation:
                cache.put(key, value)


_memory = _Memory()


async def caller(token_text: str) -> Caller:
    """Who holds this token. Raises TokenRejected; for a mistyped one without looking anywhere."""
    if not tokens.well_formed(token_text):
        raise TokenRejected(MISTYPED)
    digests = await _digests(token_text)
    known = _memory.callers.get(digests[0])
    if known is None:
        known = await _unremembered(digests)
    found, digest = known
    if _memory.revoked.get(digest):
        raise TokenRejected(REVOKED)
    if found.expires_at is not None and found.expires_at <= timezone.now():
        raise TokenRejected(EXPIRED)
    return found


async def _unremembered(digests: tuple[str, ...]) -> tuple[Caller, str]:
    if any(_memory.revoked.get(digest) for digest in digests):
        raise TokenRejected(REVOKED)
    if _memory.unknown.get(digests[0]):
        raise TokenRejected(UNKNOWN)
    return await in_database_thread(_load_caller, digests)


async def connections(user_id: UUID) -> tuple[Connection, ...]:
    """All of the user's, disabled ones too, the oldest first."""
    known = _memory.connections.get(user_id)
    return known if known is not None else await in_database_thread(_load_connections, user_id)


async def find(user_id: UUID, integration_id: UUID) -> Connection | None:
    """None for an id that is unknown or another person's."""
    return next((one for one in await connections(user_id) if one.id == integration_id), None)


def connect(integration: Integration) -> Connection:
    """The saved integration, read now (for pages and commands). Raises BadEndpoint or KeyError when it has
    no complete address or its provider left the catalogue.
    """
    spec = endpoints.placed(catalogue()[integration.provider_id], integration.fields)
    secret, headers, broken = _opened(integration)
    return Connection(
        id=integration.pk,
        owner_id=integration.owner_id,
        provider=spec,
        name=integration.name,
        endpoint=integration.endpoint,
        auth=spec.way(integration.auth_id, integration.fields),
        secret=secret,
        headers=_headers(spec, integration.fields, headers),
        model=integration.model or spec.default_model,
        models=tuple(integration.models),
        defaults=MappingProxyType(dict(integration.defaults)),
        enabled=integration.enabled,
        has_key=bool(secret),
        broken=broken,
        mapping=_mapping(integration.mapping),
        policy=policy.read(integration.policy),
        edited=integration.updated_at.isoformat(),
    )


def draft(
    owner: AbstractBaseUser,
    provider_id: str,
    data: IntegrationInput,
    existing: Integration | None = None,
) -> Connection:
    """What saving ``data`` would give, to be tested before. Raises ValidationError, as saving would.

    An empty key stands for the stored one of ``existing`` only while calls go to the same origin.
    """
    checked = check(catalogue().get(provider_id), data, existing)
    row = existing or Integration(owner_id=owner.pk)
    secret = Secret(checked.key) if checked.key else kept_key(row, checked)
    headers = {**kept_headers(row, checked), **checked.headers}
    return Connection(
        id=row.pk,
        owner_id=owner.pk,
        provider=endpoints.placed(checked.spec, checked.fields),
        name=checked.name or checked.spec.name,
        endpoint=checked.endpoint,
        auth=checked.auth,
        secret=secret,
        headers=_headers(checked.spec, checked.fields, headers),
        model=checked.model or checked.spec.default_model,
        models=tuple(checked.models),
        defaults=MappingProxyType(checked.defaults),
        enabled=True,
        has_key=bool(secret),
        mapping=_mapping(checked.mapping),
        policy=policy.read(checked.policy),
    )


class Kept(Protocol):
    """Rows in memory, which calls are answered from. A module can be one."""

    def reload(self) -> None:
        """Read the rows afresh, in sync code."""

    def forget(self) -> None:
        """Begin anew, as a new process would."""


_kept: list[Kept] = [registry]


def keep(kept: Kept) -> None:
    """Let ``kept`` be read afresh whenever any process changed something, and when a server starts."""
    if kept not in _kept:
        _kept.append(kept)


def changed() -> None:
    """Forget what may have changed. What is revoked stays so."""
    _memory.clear()


def revoked(digest: str) -> None:
    """Remember a revoked token. Nothing un-revokes one, so no later change drops this."""
    _memory.revoked.put(digest, True)


def forget() -> None:
    """Begin anew, as a new process would."""
    global _memory
    _memory = _Memory()
    for kept in _kept:
        kept.forget()


async def refresh() -> None:
    """Drop everything when any process changed custody since the last look. The first look reads what is kept."""
    await in_database_thread(look)


def look() -> None:
    """``refresh`` in sync code, for commands."""
    revision = Revision.current()
    if revision == _memory.revision:
        return
    for kept in _kept:
        kept.reload()
    _memory.revision = revision
    changed()


def _load_caller(digests: tuple[str, ...]) -> tuple[Caller, str]:
    generation = _memory.generation
    rows = AccessToken.objects.select_related("owner").filter(digest__in=digests)
    token = rows.first()
    if token is None or not token.owner.is_active:
        _memory.put(_memory.unknown, digests[0], True, generation)
        raise TokenRejected(UNKNOWN)
    if token.revoked_at is not None:
        revoked(token.digest)
        raise TokenRejected(REVOKED)
    found = Caller(
        user_id=token.owner_id,
        token_id=token.pk,
        token_name=token.name,
        scopes=frozenset(token.scopes),
        integration_ids=_allowed(token),
        expires_at=token.expires_at,
    )
    known = (found, token.digest)
    _memory.put(_memory.callers, digests[0], known, generation)
    return known


def _allowed(token: AccessToken) -> frozenset[UUID] | None:
    if not token.restricted:
        return None
    return frozenset(token.integrations.values_list("pk", flat=True))


def _load_connections(user_id: UUID) -> tuple[Connection, ...]:
    generation = _memory.generation
    found = []
    for integration in Integration.objects.filter(owner_id=user_id).order_by("created_at", "pk"):
        try:
            found.append(connect(integration))
        except (BadEndpoint, KeyError) as error:
            log.warning("integration %s cannot be called: %s", integration.pk, error)
    found += _shared(user_id)
    result = tuple(found)
    _memory.put(_memory.connections, user_id, result, generation)
    return result


def _shared(user_id: UUID) -> list[Connection]:
    """The server's own keys. Whoever has an integration of a provider uses that one, whatever state it is in."""
    mine = set(Integration.objects.filter(owner_id=user_id).values_list("provider_id", flat=True))
    return [
        _connect_shared(row, user_id)
        for row in SharedKey.objects.order_by("created_at", "pk")
        if row.provider_id not in mine and row.provider_id in catalogue()
    ]


def _connect_shared(row: SharedKey, user_id: UUID) -> Connection:
    spec = catalogue()[row.provider_id]
    way = next((way for way in spec.auth if way.env == row.variable), spec.auth[0])
    secret = shared.secret(row)
    return Connection(
        id=row.pk,
        owner_id=user_id,
        provider=spec,
        name=f"{spec.name} (the server’s)",
        endpoint=endpoints.resolve(spec, "", {}),
        auth=way,
        secret=secret,
        headers=_headers(spec, {}, {}),
        model=spec.default_model,
        models=(),
        defaults=MappingProxyType({}),
        enabled=True,
        has_key=bool(secret),
        shared=True,
    )


def _opened(integration: Integration) -> tuple[Secret, Mapping[str, str], bool]:
    """Key and headers. One that does not open is an alarm, and must not take the owner's others with it."""
    try:
        return credentials.reveal(integration), credentials.reveal_headers(integration), False
    except SealBroken as error:
        log.error("%s", error)
        _report(integration)
        return NO_SECRET, {}, True


def _report(integration: Integration) -> None:
    """One audit event for each broken blob, not for each look at it."""
    key = (integration.pk, integration.sealed_key + integration.sealed_headers)
    if not _memory.reported.get(key):
        with transaction.atomic():
            audit.record(SYSTEM, Act.CREDENTIAL_BROKEN, integration)
        _memory.reported.put(key, True)


def _mapping(stored: Mapping[str, Any]) -> CustomMapping | BadMapping | None:
    """What an older version of this program accepted may be wrong now: then each call says so."""
    try:
        return custom_mapping.read(stored) if stored else None
    except BadMapping as error:
        return error.with_traceback(None)


def _headers(spec: ProviderSpec, fields: Mapping[str, str], extra: Mapping[str, str]) -> Headers:
    """Later ones win, whatever the case of their letters."""
    of_fields = {field.header: fields.get(field.name, "") for field in spec.fields if field.header}
    merged: dict[str, tuple[str, str]] = {}
    for name, value in [*spec.headers.items(), *of_fields.items(), *extra.items()]:
        if value:
            merged[name.lower()] = (name, value)
    return Headers(dict(merged.values()))


async def _digests(token_text: str) -> tuple[str, ...]:
    if credentials.is_open():
        return tokens.digests(token_text)
    return await in_database_thread(tokens.digests, token_text)


async def in_database_thread(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """What the function gives, called off the event loop, in Django's thread, on a connection that is alive."""

    def guarded() -> R:
        _close_old_connections()
        try:
            return function(*args, **kwargs)
        finally:
            _close_old_connections()

    return await sync_to_async(guarded, thread_sensitive=True)()


def _close_old_connections() -> None:
    """Django's, but never one with an open transaction: called from sync code, this thread may hold one."""
    for connection in databases.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
