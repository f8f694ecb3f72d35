"""What a provider is, as data. The TOML files, plugins and rows in the database all become these values.

Unknown keys and wrong types are refused (by msgspec) with the path of the key; ``check`` adds the rules that
types cannot say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Literal

import msgspec

from providers.endpoint import BadEndpoint, parse_endpoint
from providers.usage import Price, Tier

Category = Literal["llm", "vision", "speech", "embedding", "image", "local", "custom"]
KeyType = Literal["api_key", "pat", "oauth", "none", "service_account", "aws_sigv4"]
Feature = Literal[
    "chat",
    "streaming",
    "tools",
    "vision",
    "embeddings",
    "reasoning",
    "structured_output",
    "image",
    "speech_to_text",
    "text_to_speech",
    "rerank",
]
TestResult = Literal[
    "ok", "wrong_key", "restricted_key", "no_credit", "rate_limited", "unreachable", "not_checkable"
]


class Spec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of all catalogue data: immutable, and picky about unknown keys."""


class Auth(Spec, frozen=True, kw_only=True):
    """One way to prove who calls. ``place`` "none" sends nothing; ``prefix`` stands before the secret."""

    id: str
    """Its name within the provider, kept in the database: ``key``, ``bearer``, ``none`` …"""
    type: KeyType
    label: str
    place: Literal["header", "query", "signature", "none"] = "header"
    name: str = "Authorization"
    prefix: str = ""
    oauth: str = ""
    """Name of the OAuth application in facts/oauth, where ``type`` is oauth."""
    env: str = ""
    fields: tuple[str, ...] = ()
    """Further secret fields this way needs (AWS: access key id, …)."""
    headers: Mapping[str, str] = {}
    note: str = ""


class Field(Spec, frozen=True, kw_only=True):
    """A provider-specific setting of an integration, e.g. OpenAI's organisation.

    Exactly one of ``header`` (sent under that name) and ``variable`` (fills ``{variable}`` of the base URL) is set.
    """

    name: str
    label: str
    help: str = ""
    required: bool = False
    header: str = ""
    variable: str = ""
    pattern: str = ""


class KeyFormat(Spec, frozen=True, kw_only=True):
    """What a key usually looks like. A hint for the person typing, never a reason to refuse."""

    pattern: str = ""
    hint: str = ""
    note: str = ""


class ConnectionTest(Spec, frozen=True, kw_only=True):
    """The cheapest request that proves a key.

    ``path`` is relative to the base URL or, with a leading ``https://``, absolute on the same origin.
    ``proves_key`` False means only reachability is shown. ``status`` maps an HTTP status (as text) to a result
    and ``contains`` maps a piece of the answer's body to one, whatever its status, where a provider differs from
    the usual meaning.
    """

    method: Literal["GET", "POST"] = "GET"
    path: str = ""
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = {}
    proves_key: bool = True
    free: bool = True
    chat: bool = False
    """True: there is no free request; the test sends the smallest chat to the default model."""
    status: Mapping[str, TestResult] = {}
    contains: Mapping[str, TestResult] = {}
    note: str = ""
    """What the person can do when nothing answers: how one starts a local server."""


class PriceData(Spec, frozen=True, kw_only=True):
    """US dollars for a million tokens, as decimal text so that no float ever touches money."""

    input: str
    output: str = "0"
    cache_read: str = ""
    cache_write: str = ""
    tiers: tuple[TierData, ...] = ()
    source: str
    checked: date

    def price(self) -> Price:
        return Price(
            input=Decimal(self.input),
            output=Decimal(self.output),
            cache_read=_decimal(self.cache_read),
            cache_write=_decimal(self.cache_write),
            tiers=tuple(tier.tier() for tier in self.tiers),
            source=self.source,
            checked=self.checked.isoformat(),
        )


class TierData(Spec, frozen=True, kw_only=True):
    above: int
    input: str
    output: str
    cache_read: str = ""
    cache_write: str = ""

    def tier(self) -> Tier:
        return Tier(
            self.above,
            Decimal(self.input),
            Decimal(self.output),
            _decimal(self.cache_read),
            _decimal(self.cache_write),
        )


class ModelSpec(Spec, frozen=True, kw_only=True):
    """A model: its name at the provider, limits in tokens (0 = unknown), what it can do and what it costs."""

    id: str
    name: str = ""
    kind: Literal["chat", "embedding", "image", "speech", "other"] = "chat"
    context: int = 0
    max_output: int = 0
    dimensions: int = 0
    capabilities: tuple[Feature, ...] = ()
    price: PriceData | None = None
    """None is "unpriced", which is not the same as free."""
    quirks: Mapping[str, Any] = {}
    source: str = ""
    checked: date | None = None


class ProviderSpec(Spec, frozen=True, kw_only=True):
    """A provider as the catalogue knows it.

    ``base_url`` empty means that each integration must give its own. ``adapter`` empty means that the provider's
    wire format is not carried yet: it is listed, and calling it answers an error that says so.
    ``features`` are what the provider offers.
    """

    id: str
    name: str
    description: str
    category: Category
    deployment: Literal["hosted", "local", "custom", "builtin"] = "hosted"
    status: Literal["active", "retired"] = "active"
    adapter: str = ""
    base_url: str = ""
    base_url_alternatives: tuple[str, ...] = ()
    base_url_suffix: str = ""
    """Where a template fills the host: the fixed end every filled host must have."""
    auth: tuple[Auth, ...]
    fields: tuple[Field, ...] = ()
    headers: Mapping[str, str] = {}
    paths: Mapping[str, str] = {}
    test: ConnectionTest = ConnectionTest()
    key: KeyFormat = KeyFormat()
    env: tuple[str, ...] = ()
    documentation_url: str = ""
    key_url: str = ""
    icon: str = ""
    icon_mono: bool = False
    features: tuple[Feature, ...] = ()
    rate_limit_headers: tuple[str, ...] = ()
    quirks: Mapping[str, Any] = {}
    default_model: str = ""
    models: tuple[ModelSpec, ...] = ()
    free: bool = False
    """Local and built-in providers: every call costs nothing, which is known and not a guess."""
    notes: tuple[str, ...] = ()
    ids: Mapping[str, str] = {}
    """The provider's name in other catalogues (models_dev, litellm, genai_prices, kilo_legacy, kilo_v7)."""
    sources: tuple[str, ...] = ()
    checked: date | None = None

    def way(self, auth_id: str) -> Auth:
        """The way to sign in called ``auth_id``, or the first one when there is none of that name."""
        return next((auth for auth in self.auth if auth.id == auth_id), self.auth[0])

    def model(self, model_id: str) -> ModelSpec | None:
        return next((model for model in self.models if model.id == model_id), None)

    @property
    def callable(self) -> bool:
        """Whether the gateway can call it: its format is carried and it still exists."""
        return bool(self.adapter) and self.status == "active"


_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def check(spec: ProviderSpec) -> list[str]:
    """What is wrong with ``spec`` beyond its types, one ``key: reason`` each; empty when all is well."""
    problems: list[str] = []
    if not _SLUG.fullmatch(spec.id):
        problems.append(f"id: {spec.id!r} is not lower-case words joined by hyphens")
    if not spec.auth:
        problems.append("auth: at least one way to sign in is needed (type 'none' for no key)")
    if spec.base_url and "{" not in spec.base_url:
        try:
            parse_endpoint(spec.base_url)
        except BadEndpoint as error:
            problems.append(f"base_url: {error}")
    for number, field in enumerate(spec.fields):
        if bool(field.header) == bool(field.variable):
            problems.append(f"fields[{number}]: exactly one of header and variable must be set")
    ways = [auth.id for auth in spec.auth]
    problems += [
        f"auth: {name!r} stands there twice"
        for name in sorted({i for i in ways if ways.count(i) > 1})
    ]
    ids = [model.id for model in spec.models]
    problems += [
        f"models: {name!r} stands there twice"
        for name in sorted({i for i in ids if ids.count(i) > 1})
    ]
    if spec.default_model and spec.models and spec.default_model not in ids:
        problems.append(f"default_model: {spec.default_model!r} is not among the models")
    for number, auth in enumerate(spec.auth):
        if auth.type == "none" and auth.place != "none":
            problems.append(f"auth[{number}].place: must be 'none' when type is 'none'")
    return problems + _bad_patterns(spec) + _bad_prices(spec)


def _bad_patterns(spec: ProviderSpec) -> list[str]:
    patterns = {f"fields[{n}].pattern": field.pattern for n, field in enumerate(spec.fields)}
    problems = []
    for key, pattern in {**patterns, "key.pattern": spec.key.pattern}.items():
        try:
            re.compile(pattern)
        except re.error as error:
            problems.append(f"{key}: no regular expression: {error}")
    return problems


def _bad_prices(spec: ProviderSpec) -> list[str]:
    problems = []
    for model in spec.models:
        try:
            price = model.price.price() if model.price else None
        except ArithmeticError:
            problems.append(f"models: {model.id!r}: price: not a decimal number")
            continue
        if price and min(price.input, price.output) < 0:
            problems.append(f"models: {model.id!r}: price: below zero")
    return problems


def _decimal(text: str) -> Decimal | None:
    return Decimal(text) if text else None
