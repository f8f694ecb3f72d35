"""/api/integrations: connections to providers. A stored key never leaves; another person's id answers 404."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from ninja import Router, Status

from aiproxy import probe
from aiproxy.app import breakers
from aiproxy.upstream.client import at_hand
from integrations import access, live, policy
from integrations.actions import integrations as actions
from integrations.actions.integrations import IntegrationInput
from integrations.errors import NotAllowed
from integrations.live import Connection
from integrations.models import Integration
from marketplace import limits
from marketplace.api import schema
from marketplace.api.door import Principal, may
from marketplace.api.errors import DOCUMENTED
from marketplace.api.providers import show_models
from providers.errors import CallError, NotFound, RateLimited
from providers.rate_limits import Allowance, RateLimitState

router = Router(tags=["Integrations"])


@router.get(
    "", response={200: list[schema.Integration], **DOCUMENTED}, summary="All my integrations"
)
def list_all(request: HttpRequest) -> list[schema.Integration]:
    """In the order of their names. Scope `integrations:read`."""
    me = may(request, "integrations:read")
    rows = access.integrations_of(me.user)
    return [_show(row) for row in rows if me.caller.may_use(row.pk)]


@router.post("", response={201: schema.Integration, **DOCUMENTED}, summary="Connect a provider")
def create(request: HttpRequest, payload: schema.IntegrationCreate) -> Status[schema.Integration]:
    """Scope `integrations:write`."""
    me = may(request, "integrations:write")
    if me.caller.integration_ids is not None:
        raise NotAllowed(
            "This access token is restricted to certain integrations, so it cannot add one."
        )
    row = actions.create(me.actor, me.user, payload.providerId, _input(payload))
    return Status(201, _show(row))


@router.post("/test", response={200: schema.TestAnswer, **DOCUMENTED}, summary="Test before saving")
async def try_out(request: HttpRequest, payload: schema.IntegrationTry) -> schema.TestAnswer:
    """Nothing is stored. The cheapest request that proves the key. Scope `integrations:write`."""
    me = may(request, "integrations:write")
    await sync_to_async(_not_too_often)(request, me)
    connection = await sync_to_async(_draft)(me, payload)
    return (await _test(connection))[0]


@router.get(
    "/{integration_id}", response={200: schema.Integration, **DOCUMENTED}, summary="One integration"
)
def one(request: HttpRequest, integration_id: UUID) -> schema.Integration:
    """Scope `integrations:read`."""
    return _show(mine(may(request, "integrations:read"), integration_id))


@router.put(
    "/{integration_id}",
    response={200: schema.Integration, **DOCUMENTED},
    summary="Change an integration",
)
def edit(
    request: HttpRequest, integration_id: UUID, payload: schema.IntegrationEdit
) -> schema.Integration:
    """Only what is given changes. Scope `integrations:write`."""
    me = may(request, "integrations:write")
    row = mine(me, integration_id)
    return _show(actions.edit(me.actor, row, _input(payload, row)).integration)


@router.delete(
    "/{integration_id}", response={204: None, **DOCUMENTED}, summary="Delete an integration"
)
def delete(request: HttpRequest, integration_id: UUID) -> Status[None]:
    """Its stored key goes with it. Scope `integrations:write`."""
    me = may(request, "integrations:write")
    actions.delete(me.actor, mine(me, integration_id))
    return Status(204, None)


@router.post(
    "/{integration_id}/test",
    response={200: schema.TestAnswer, **DOCUMENTED},
    summary="Test an integration",
)
async def test(request: HttpRequest, integration_id: UUID) -> schema.TestAnswer:
    """The stored key; the result is kept with the integration. Scope `integrations:write`."""
    me = may(request, "integrations:write")
    await sync_to_async(_not_too_often)(request, me)
    row = await sync_to_async(mine)(me, integration_id)
    answer, result = await _test(await sync_to_async(_connect)(row))
    await sync_to_async(actions.record_test)(row, result.result, result.message, me.actor)
    if result.result != "unreachable":
        breakers().reset(row.pk)
    return answer


@router.get(
    "/{integration_id}/models",
    response={200: schema.Models, **DOCUMENTED},
    summary="Models of an integration",
)
async def models(request: HttpRequest, integration_id: UUID) -> schema.Models:
    """As the provider lists them now, else as the catalogue knows them. Scope `integrations:read`."""
    me = may(request, "integrations:read")
    await sync_to_async(_not_too_often)(request, me)
    row = await sync_to_async(mine)(me, integration_id)
    connection = await sync_to_async(_connect)(row)
    try:
        async with at_hand() as upstream:
            listed = await probe.list_models(upstream, connection)
    except CallError:
        return schema.Models(source="catalogue", models=show_models(connection.provider.models))
    return schema.Models(source="provider", models=show_models(listed))


def mine(me: Principal, id: UUID) -> Integration:
    """Raises Integration.DoesNotExist for what is not the account's, or not the token's to use."""
    if not me.caller.may_use(id):
        raise Integration.DoesNotExist
    return access.get_integration(me.user, id)


def _not_too_often(request: HttpRequest, me: Principal) -> None:
    if seconds := limits.wait(request, limits.TEST, str(me.user.pk)):
        raise RateLimited(f"Too many tests. Try again in {seconds} seconds.", retry_after=seconds)


async def _test(connection: Connection) -> tuple[schema.TestAnswer, probe.Outcome]:
    async with at_hand() as upstream:
        outcome = await probe.test(upstream, connection)
    answer = schema.TestAnswer(
        result=outcome.result,
        message=outcome.message,
        latencyMs=outcome.latency_ms,
        models=show_models(outcome.models),
    )
    return answer, outcome


def _connect(row: Integration) -> Connection:
    try:
        return live.connect(row)
    except KeyError:
        raise NotFound("This integration's provider is no longer in the catalogue.") from None


def _draft(me: Principal, payload: schema.IntegrationTry) -> Connection:
    existing = mine(me, payload.integrationId) if payload.integrationId else None
    provider_id = existing.provider_id if existing else payload.providerId
    if not provider_id:
        raise ValidationError({"provider_id": ["Name a provider, or an integrationId."]})
    return live.draft(me.user, provider_id, _input(payload, existing), existing)


def _input(payload: schema.IntegrationEdit, stored: Integration | None = None) -> IntegrationInput:
    """``stored`` is what is edited: its masked key, sent back by a client that echoes what it read, keeps the key."""
    key = payload.apiKey
    if stored is not None and key == stored.masked_key:
        key = ""
    return IntegrationInput(
        name=payload.name,
        auth_id=payload.authId,
        key=key,
        base_url=payload.baseUrl,
        fields=payload.fields,
        model=payload.model,
        models=payload.models,
        defaults=None if payload.defaults is None else _defaults(payload.defaults),
        headers=payload.headers,
        enabled=payload.enabled,
        metadata=payload.metadata,
        mapping=payload.mapping,
        policy=None if payload.policy is None else payload.policy.model_dump(),
    )


def _defaults(given: schema.Defaults) -> dict[str, Any]:
    values = {
        "temperature": given.temperature,
        "max_tokens": given.maxTokens,
        "top_p": given.topP,
        "system_prompt": given.systemPrompt,
    }
    return {name: value for name, value in values.items() if value is not None}


def _show(row: Integration) -> schema.Integration:
    defaults = row.defaults
    return schema.Integration(
        id=row.pk,
        providerId=row.provider_id,
        providerName=row.provider_name,
        name=row.name,
        apiKey=row.masked_key,
        apiKeyType=row.api_key_type,
        authId=row.auth_id,
        baseUrl=row.base_url or (row.spec.base_url if row.spec else ""),
        fields=row.fields,
        model=row.model or (row.spec.default_model if row.spec else ""),
        models=row.models,
        defaults=schema.Defaults(
            temperature=defaults.get("temperature"),
            maxTokens=defaults.get("max_tokens"),
            topP=defaults.get("top_p"),
            systemPrompt=defaults.get("system_prompt"),
        ),
        headers=row.header_names,
        enabled=row.enabled,
        disabledAt=row.disabled_at,
        status=row.status,
        testResult=row.test_result,
        testMessage=row.test_message,
        testedAt=row.tested_at,
        rateLimit=_rate_limit(row.limits),
        lastUsed=row.last_used,
        createdAt=row.created_at,
        updatedAt=row.updated_at,
        metadata=row.metadata,
        mapping=row.mapping,
        policy=_policy(row),
    )


def _policy(row: Integration) -> schema.Policy:
    holds = policy.read(row.policy)
    values = {name: getattr(holds, own) for name, own in policy.NAMES.items()}
    return schema.Policy.model_validate(
        {
            name: sorted(value) if isinstance(value, frozenset) else value
            for name, value in values.items()
        }
    )


def _rate_limit(state: RateLimitState | None) -> schema.RateLimit | None:
    if state is None:
        return None
    return schema.RateLimit(
        at=state.at, requests=_allowance(state.requests), tokens=_allowance(state.tokens)
    )


def _allowance(said: Allowance | None) -> schema.Allowance | None:
    if said is None:
        return None
    return schema.Allowance(limit=said.limit, remaining=said.remaining, resetAt=said.reset)
