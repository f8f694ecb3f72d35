"""The shapes of the management API. Names are those of PRODUCT.md, so they are camelCase here and nowhere else."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from ninja import Field, Schema

Text = Annotated[str, Field(max_length=500)]


class Strict(Schema):
    """What callers send: an unknown name is a mistake and says so."""

    model_config = {"extra": "forbid"}


# --- Errors ---


class Error(Schema):
    code: str = Field(
        description="One of the codes every endpoint of this server uses.",
        examples=["invalid_request"],
    )
    message: str = Field(description="A sentence that says what to do.")
    retryable: bool = False
    retryAfter: float | None = Field(None, description="Seconds.")
    requestId: str
    param: str | None = Field(None, description="The first field at fault.")
    fields: dict[str, list[str]] | None = Field(
        None, description="Every field at fault, with what is wrong."
    )


class ErrorAnswer(Schema):
    error: Error


# --- Providers ---


class AuthWay(Schema):
    id: str
    type: str
    label: str
    note: str = ""


class ProviderField(Schema):
    name: str
    label: str
    help: str
    required: bool
    pattern: str


class Model(Schema):
    id: str
    name: str
    kind: str
    contextWindow: int | None = Field(description="Tokens; null when it is not known.")
    maxOutput: int | None
    capabilities: list[str]


class Provider(Schema):
    id: str
    name: str
    description: str
    icon: str
    category: str
    authType: str = Field(description="How one usually signs in: api_key, pat, oauth or none.")
    auth: list[AuthWay]
    fields: list[ProviderField]
    baseUrl: str
    documentationUrl: str
    keyUrl: str
    supportedModels: list[str]
    defaultModel: str
    features: list[str]
    callable: bool = Field(description="False: listed, but its wire format is not carried yet.")


# --- Integrations ---


class Defaults(Strict):
    """What a call gets when it does not say otherwise."""

    temperature: float | None = None
    maxTokens: int | None = None
    topP: float | None = None
    systemPrompt: str | None = None


class IntegrationEdit(Strict):
    """Only what is given changes. ``apiKey`` and header values that are empty keep the stored ones."""

    name: Text | None = None
    authId: Text | None = Field(None, description="Which of the provider's ways to sign in.")
    apiKey: str | None = Field(None, max_length=20_000, repr=False)
    baseUrl: Text | None = Field(None, description="A new origin drops the stored key and headers.")
    fields: dict[str, str] | None = None
    model: Text | None = None
    models: list[str] | None = None
    defaults: Defaults | None = None
    headers: dict[str, str] | None = Field(None, repr=False)
    enabled: bool | None = None
    metadata: dict[str, Any] | None = None


class IntegrationCreate(IntegrationEdit):
    providerId: str


class IntegrationTry(IntegrationEdit):
    """An integration to test before it is saved; with ``integrationId``, changes to a saved one."""

    providerId: str | None = None
    integrationId: UUID | None = None


class Integration(Schema):
    id: UUID
    providerId: str
    providerName: str
    name: str
    apiKey: str = Field(description="Masked: **** and the last four characters.")
    apiKeyType: str
    authId: str
    baseUrl: str
    fields: dict[str, str]
    model: str
    models: list[str]
    defaults: Defaults
    headers: list[str] = Field(description="Names only.")
    enabled: bool
    disabledAt: datetime | None
    status: Literal["connected", "disabled", "needs_attention"]
    testResult: str
    testMessage: str
    testedAt: datetime | None
    lastUsed: datetime | None
    createdAt: datetime
    updatedAt: datetime
    metadata: dict[str, Any]


class TestAnswer(Schema):
    result: str = Field(
        description="ok, wrong_key, restricted_key, no_credit, rate_limited, unreachable or not_checkable."
    )
    message: str
    latencyMs: int | None
    models: list[Model]


class Models(Schema):
    source: Literal["provider", "catalogue"] = Field(
        description="catalogue: the provider could not be asked, or has no list."
    )
    models: list[Model]


# --- Tokens ---


class TokenCreate(Strict):
    name: Annotated[str, Field(min_length=1, max_length=100)]
    scopes: Annotated[list[str], Field(min_length=1)]
    expiresAt: datetime | None = Field(
        None, description="90 days from now when left out; null is for ever."
    )
    integrations: list[UUID] = Field([], description="Empty: all of them.")


class Token(Schema):
    id: UUID
    name: str
    prefix: str
    last4: str
    scopes: list[str]
    integrations: list[UUID]
    state: str
    expiresAt: datetime | None
    revokedAt: datetime | None
    lastUsed: datetime | None
    createdAt: datetime


class NewToken(Token):
    token: str = Field(description="Shown this once.")


# --- Usage ---


class Summary(Schema):
    calls: int
    ok: int
    successRate: float | None
    inputTokens: int
    outputTokens: int
    cost: str | None = Field(
        description="US dollars as decimal text; null when nothing was priced."
    )
    currency: Literal["USD"] = "USD"
    unpricedCalls: int
    averageLatencyMs: int | None
    lastUsed: datetime | None


class Call(Schema):
    id: UUID
    requestId: str
    at: datetime
    integrationId: UUID | None
    integrationName: str
    provider: str
    model: str
    requestedModel: str
    operation: str
    dialect: str
    stream: bool
    outcome: str
    httpStatus: int
    finishReason: str
    inputTokens: int
    outputTokens: int
    cachedTokens: int
    reasoningTokens: int
    usageSource: str
    cost: str | None
    latencyMs: int
    firstTokenMs: int | None


class Calls(Schema):
    items: list[Call]
    next: str | None = Field(description="Pass it as `before` to get the page after this one.")
