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
    adapter: str = Field(description="The wire format it speaks.")
    origin: str = Field(
        description="Where it comes from: builtin, plugin with its package, or database."
    )
    serverKey: Literal["", "offered", "shared", "missing"] = Field(
        "",
        description="A key in the server's environment: off, shared with everybody, or shared and gone.",
    )


Number = Annotated[int, Field(ge=0, le=1_000_000_000)]


class ModelEdit(Strict):
    """Only what is given changes."""

    id: Text | None = Field(None, description="Its name at the provider.")
    name: Text | None = None
    kind: Literal["chat", "embedding", "image", "speech", "other"] | None = None
    contextWindow: Number | None = Field(None, description="Tokens; 0 is not known.")
    maxOutput: Number | None = Field(None, description="Tokens; 0 is not known.")
    capabilities: list[str] | None = None
    inputPrice: Text | None = Field(
        None, description="US dollars for a million tokens as decimal text; empty is unpriced."
    )
    outputPrice: Text | None = None


class ModelCreate(ModelEdit):
    providerId: str = Field(description="Any provider of the catalogue.")
    id: Text


class CustomModel(Schema):
    """A model that an administrator added to a provider."""

    id: UUID
    providerId: str
    model: Model
    inputPrice: str
    outputPrice: str
    createdAt: datetime
    updatedAt: datetime


class ProviderEdit(Strict):
    """Only what is given changes."""

    name: Text | None = None
    description: Text | None = None
    icon: Text | None = None
    category: Literal["llm", "vision", "speech", "embedding", "image", "local", "custom"] | None = (
        None
    )
    adapter: Text | None = Field(None, description="The wire format it speaks, e.g. openai.")
    authType: Literal["api_key", "none"] | None = Field(
        None, description="Short for the usual one of `authWays`."
    )
    authWays: list[str] | None = Field(
        None, description="Any of bearer, x-api-key, api-key, none, in the order they are offered."
    )
    baseUrl: Text | None = None
    documentationUrl: Text | None = None
    keyUrl: Text | None = None
    supportedModels: list[str | ModelEdit] | None = Field(
        None, description="All models there shall be: ids, or objects with what is known of them."
    )
    defaultModel: Text | None = None
    features: list[str] | None = None
    enabled: bool | None = None


class ProviderCreate(ProviderEdit):
    id: Text = Field(description="Lower-case words joined by hyphens.")
    name: Text
    adapter: Text
    baseUrl: Text


class AliasTarget(Strict):
    """Exactly one of ``provider`` and ``integrationId``, and the model there."""

    provider: str | None = None
    integrationId: UUID | None = None
    model: Text
    weight: int = Field(1, description="How often `weighted` draws it first; 0 is never.")


Strategy = Literal["priority", "weighted", "cheapest", "fastest"]


class AliasEdit(Strict):
    """Only what is given changes."""

    name: Text | None = None
    description: Text | None = None
    strategy: Strategy | None = Field(
        None,
        description="Which target is tried first: the first one (the usual), one drawn by weight, the cheapest, or "
        "the fastest of late. The others follow in case it fails.",
    )
    targets: Annotated[list[AliasTarget], Field(max_length=100)] | None = Field(
        None, description="Those that the caller can use are tried, as `strategy` orders them."
    )


class AliasCreate(AliasEdit):
    name: Text
    targets: Annotated[list[AliasTarget], Field(min_length=1, max_length=100)]


class Alias(Schema):
    id: UUID
    name: str
    description: str
    strategy: str
    targets: list[AliasTarget]
    createdAt: datetime
    updatedAt: datetime


# --- Integrations ---


class Defaults(Strict):
    """What a call gets when it does not say otherwise."""

    temperature: float | None = None
    maxTokens: int | None = None
    topP: float | None = None
    systemPrompt: str | None = None


class Policy(Strict):
    """How calls are made. Times are seconds. What is left out or null is as usual."""

    attempts: int | None = Field(None, description="1 to 3, the first one counted; usually 3.")
    multiplier: float | None = Field(
        None, description="The n-th wait is random up to this × 2ⁿ; usually 0.5."
    )
    maxWait: float | None = Field(None, description="No wait is longer; usually 8.")
    retryOn: list[str] | None = Field(
        None,
        description="The error codes after which a call is tried again; usually all of rate_limit, server_error, "
        "network_error and timeout. Empty is never.",
    )
    connectTimeout: float | None = Field(None, description="Null is the server's own.")
    firstTokenTimeout: float | None = Field(None, description="Null is the server's own.")
    idleTimeout: float | None = Field(None, description="Null is the server's own.")
    totalTimeout: float | None = Field(None, description="Null is the server's own.")
    cacheSeconds: int | None = Field(
        None, description="How long answers are kept for the same question; 0, the usual, is not."
    )
    priority: int | None = Field(
        None, description="Of several that could answer, lower numbers go first; usually 0."
    )
    weight: int | None = Field(
        None, description="How calls are spread within one priority; usually 1."
    )
    origins: list[str] | None = Field(
        None,
        description="Web pages that may call it from a browser.",
        examples=[["https://app.example.com"]],
    )


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
    policy: Policy | None = Field(None, description="Replaces the stored one as a whole.")
    mapping: dict[str, Any] | None = Field(
        None,
        description="For providers of one's own format (`custom`): `path`, the template `request`, the paths of "
        "`answer` and of `stream`. Without one, or with `{}`, the provider's own example holds. A mistake is "
        "named by its key, as in `mapping.answer.text`.",
        examples=[
            {
                "path": "/generate",
                "request": {"prompt": {"$": "prompt"}, "limit": {"$": "max_tokens"}},
                "answer": {"text": "/results/0/text", "usage": {"output": "/usage/tokens"}},
                "stream": {"framing": "sse", "text": "/delta", "end": {"data": "[DONE]"}},
            }
        ],
    )


class IntegrationCreate(IntegrationEdit):
    providerId: str


class IntegrationTry(IntegrationEdit):
    """An integration to test before it is saved; with ``integrationId``, changes to a saved one."""

    providerId: str | None = None
    integrationId: UUID | None = None


class Allowance(Schema):
    limit: int | None
    remaining: int | None
    resetAt: datetime | None


class RateLimit(Schema):
    """What the provider's last answer said is left; null for what it says nothing about."""

    at: datetime
    requests: Allowance | None
    tokens: Allowance | None


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
    rateLimit: RateLimit | None = Field(
        description="Null when the provider says nothing of limits."
    )
    lastUsed: datetime | None
    createdAt: datetime
    updatedAt: datetime
    metadata: dict[str, Any]
    policy: Policy = Field(description="As it holds; null is the server's own.")
    mapping: dict[str, Any] = Field(description="Empty where the provider's own format holds.")


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


# --- Limits ---

Dollars = Annotated[str, Field(max_length=40)]


class LimitEdit(Strict):
    """Only what is given changes; null is no limit. Money is US dollars as decimal text."""

    requestsPerMinute: int | None = None
    tokensPerMinute: int | None = None
    concurrent: int | None = Field(None, description="Calls at once.")
    tokensPerDay: int | None = Field(None, description="Of days and months in UTC.")
    tokensPerMonth: int | None = None
    moneyPerDay: Dollars | None = Field(None, examples=["2.50"])
    moneyPerMonth: Dollars | None = None
    queueSeconds: int | None = Field(
        None,
        description="How long a call may wait for a rate or a free place; 0 refuses at once. Budgets are never "
        "waited for.",
    )


class LimitCreate(LimitEdit):
    kind: Literal["user", "provider", "integration", "token"] = Field(
        description="Holds for all calls of the account, those to one provider, through one integration, or with one "
        "token; name that one."
    )
    providerId: Text | None = None
    integrationId: UUID | None = None
    tokenId: UUID | None = None
    account: Text | None = Field(
        None,
        description="Administrators only: another person's e-mail address. They see the limit and cannot change it.",
    )


class Fill(Schema):
    """How full one value of a limit is."""

    name: str = Field(description="Which of the limit's values.", examples=["requestsPerMinute"])
    used: int | str = Field(description="A number; of money, US dollars as decimal text.")
    limit: int | str
    freesInSeconds: int | None = Field(
        description="When all of it is free again; null for calls at once, and where nothing is used."
    )


class Limit(Schema):
    id: UUID
    kind: str
    providerId: str | None
    integrationId: UUID | None
    tokenId: UUID | None
    account: str = Field(description="Whose calls it holds for.")
    byOperator: bool = Field(description="Set by an administrator: its holder cannot change it.")
    requestsPerMinute: int | None
    tokensPerMinute: int | None
    concurrent: int | None
    tokensPerDay: int | None
    tokensPerMonth: int | None
    moneyPerDay: str | None
    moneyPerMonth: str | None
    currency: Literal["USD"] = "USD"
    queueSeconds: int
    fills: list[Fill]
    createdAt: datetime
    updatedAt: datetime


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
    cached: bool = Field(description="Answered from the cache: nothing was sent, used or paid.")


class CallRoute(Schema):
    by: str = Field("", description="model, alias, integration or fallback.")
    strategy: str = Field("", description="The alias's.")
    targets: list[str] = Field([], description="provider/model, in the order to be tried.")
    paused: int = Field(0, description="So many of the last were left alone after failures.")


class CallAttempt(Schema):
    integration: str = ""
    provider: str = ""
    model: str = ""
    at: float = 0
    ms: float = 0
    outcome: str = Field("", description="ok, or the code of the error.")
    message: str = ""
    status: int = 0
    waited: float = Field(0, description="Before it, in milliseconds.")


class CallJourney(Schema):
    """Times are milliseconds since the call arrived."""

    route: CallRoute | None = None
    steps: list[tuple[str, float]] = Field([], description="What was done, and when it was.")
    attempts: list[CallAttempt] = []
    passed: list[CallAttempt] = Field(
        [], description="Places that a limit or a rest closed: nothing was sent to them."
    )


class CallCharge(Schema):
    what: str
    tokens: int
    pricePerMillion: str
    cost: str


class CallInFull(Call):
    tokenId: UUID | None
    message: str
    changes: list[str] = Field(description="What could not be carried over to the provider.")
    attempts: int
    queuedMs: int = Field(description="How long it waited for a limit; part of `latencyMs`.")
    providerMs: int | None
    cacheWriteTokens: int
    priceSource: str
    formula: list[CallCharge] = Field(
        description="What adds up to `cost`; empty where the provider named it, or the price has changed since."
    )
    journey: CallJourney | None = Field(description="Null for calls from before it was recorded.")


class Calls(Schema):
    items: list[Call]
    next: str | None = Field(description="Pass it as `before` to get the page after this one.")
