"""What a provider is, as data. The TOML files, plugins and rows in the database all become these values.

Unknown keys and wrong types are refused (by msgspec) with the path of the key; ``check`` adds the rules that
types cannot say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from providers.endpoint import BadEndpoint, parse_endpoint
from providers.usage import Price, Tier

Category = Literal["llm", "vision", "speech", "embedding", "image", "local", "custom"]
KeyType = Literal["api_key", "pat", "oauth", "none", "service_account", "aws_sigv4"]
USABLE: frozenset[KeyType] = frozenset({"api_key", "pat", "none", "aws_sigv4", "service_account"})
"""Ways to sign in that a person can be offered. The others stay in the data, for what they say about a provider."""

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

    Exactly one is set of ``header`` (sent under that name), ``variable`` (fills ``{variable}`` of the base URL and of
    the paths) and ``names`` (the id of a way to sign in, whose header it names). ``default`` stands for an empty
    variable.
    """

    name: str
    label: str
    help: str = ""
    required: bool = False
    header: str = ""
    variable: str = ""
    names: str = ""
    pattern: str = ""
    default: str = ""
    base_urls: Mapping[str, str] = {}
    """Values of a variable for which the provider has another base URL."""
    paths: Mapping[str, str] = {}
    """Paths that replace the provider's while the field is filled in; ``test`` is that of the connection test."""


class KeyFormat(Spec, frozen=True, kw_only=True):
    """What a key usually looks like. A hint for the person typing, never a reason to refuse."""

    pattern: str = ""
    hint: str = ""
    note: str = ""


class ConnectionTest(Spec, frozen=True, kw_only=True):
    """The cheapest request that proves a key.

    ``path`` is relative to the base URL, or a whole URL. One on the base URL's origin counts from the root of whatever
    origin an integration calls. One on another origin, which must be among the provider's ``test_origins``, is for
    integrations that call the provider's own base URL; for others the list of models stands in.
    ``proves_key`` False means only reachability is shown. ``status`` maps an HTTP status (as text) to a result
    and ``contains`` maps a piece of the answer's body to one, whatever its status, where a provider differs from
    the usual meaning. JSON stands there without spaces: ``"credit":0``.
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
    cache_write_1h: str = ""
    tiers: tuple[TierData, ...] = ()
    source: str
    checked: date

    def price(self) -> Price:
        return Price(
            input=Decimal(self.input),
            output=Decimal(self.output),
            cache_read=_decimal(self.cache_read),
            cache_write=_decimal(self.cache_write),
            cache_write_1h=_decimal(self.cache_write_1h),
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
    cache_write_1h: str = ""

    def tier(self) -> Tier:
        return Tier(
            self.above,
            Decimal(self.input),
            Decimal(self.output),
            _decimal(self.cache_read),
            _decimal(self.cache_write),
            _decimal(self.cache_write_1h),
        )


class PriceChange(PriceData, frozen=True, kw_only=True):
    """Prices that take the place of the model's from a day on, or at certain hours of the day. All of it is UTC."""

    since: date | None = msgspec.field(name="from", default=None)
    hours: tuple[tuple[int, int], ...] = ()
    """``[[1, 4]]`` is from 01:00 to 04:00; empty is all day."""
    weekdays: bool = False
    """True: Monday to Friday only."""

    def holds(self, when: datetime) -> bool:
        moment = when.astimezone(UTC)
        return (
            (self.since is None or self.since <= moment.date())
            and (not self.hours or any(start <= moment.hour < end for start, end in self.hours))
            and not (self.weekdays and moment.weekday() >= 5)
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
    prices: tuple[PriceChange, ...] = ()
    """What takes the place of ``price``, and when; of several that hold, the last."""
    quirks: Mapping[str, Any] = {}
    source: str = ""
    checked: date | None = None

    def price_at(self, when: datetime) -> PriceData | None:
        """The price of a call at that time; None is "unpriced"."""
        return next((change for change in reversed(self.prices) if change.holds(when)), self.price)


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
    base_url_suffix: str | tuple[str, ...] = ""
    """Where a template fills the host: the fixed end every filled host must have, or those it may have."""
    test_origins: tuple[str, ...] = ()
    """Other origins that ``test`` may send the key to. Only a provider that comes with the project may name any."""
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
    template: bool = False
    """What an administrator adds for any endpoint of this format begins with its paths, headers, test and quirks."""
    notes: tuple[str, ...] = ()
    ids: Mapping[str, str] = {}
    """The provider's name in other catalogues (models_dev, litellm, genai_prices, kilo_legacy, kilo_v7)."""
    sources: tuple[str, ...] = ()
    checked: date | None = None

    @property
    def usable_ways(self) -> tuple[Auth, ...]:
        """The ways to sign in that can be offered and used."""
        return tuple(auth for auth in self.auth if auth.type in USABLE)

    def way(self, auth_id: str, fields: Mapping[str, str] | None = None) -> Auth:
        """The way to sign in called ``auth_id``, or the first usable one when there is none of that name.

        ``fields`` are an integration's settings, one of which may name the header.
        """
        usual = self.usable_ways or self.auth
        way = next((auth for auth in self.auth if auth.id == auth_id), usual[0])
        names = ((fields or {}).get(field.name) for field in self.fields if field.names == way.id)
        name = next(filter(None, names), "")
        return msgspec.structs.replace(way, name=name) if name else way

    def model(self, model_id: str) -> ModelSpec | None:
        return next((model for model in self.models if model.id == model_id), None)

    @property
    def callable(self) -> bool:
        """Whether the gateway can call it: its format is carried and it still exists."""
        return bool(self.adapter) and self.status == "active"


_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_VARIABLE = re.compile(r"\{(\w+)\}")
_SUFFIX = re.compile(r"[.-][a-z0-9-]+(\.[a-z0-9-]+)+")
_ORIGIN = re.compile(r"https://[a-z0-9-]+(\.[a-z0-9-]+)+")


def check(spec: ProviderSpec, *, shipped: bool = False) -> list[str]:
    """What is wrong with ``spec`` beyond its types, one ``key: reason`` each; empty when all is well.

    ``shipped``: it comes with the project, which alone may send a key to other origins to test it.
    """
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
        if sum(map(bool, (field.header, field.variable, field.names))) != 1:
            problems.append(
                f"fields[{number}]: exactly one of header, variable and names must be set"
            )
        if field.names and field.names not in {a.id for a in spec.auth if a.place == "header"}:
            problems.append(f"fields[{number}].names: no way to sign in by header is called so")
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
    for key in ("documentation_url", "key_url"):
        if (link := getattr(spec, key)) and not link.startswith(("https://", "http://")):
            problems.append(f"{key}: must begin with https://")
    for number, auth in enumerate(spec.auth):
        if auth.type == "none" and auth.place != "none":
            problems.append(f"auth[{number}].place: must be 'none' when type is 'none'")
    problems += _bad_template(spec) + _bad_test(spec, shipped=shipped)
    return problems + _bad_patterns(spec) + _bad_prices(spec)


def _bad_template(spec: ProviderSpec) -> list[str]:
    """Base URL and paths with variables: each has its field, and the host's end is fixed."""
    known = {field.variable for field in spec.fields}
    problems = [
        f"base_url: no field fills {{{name}}}"
        for name in dict.fromkeys(_VARIABLE.findall(spec.base_url))
        if name not in known
    ]
    sure = {field.variable for field in spec.fields if field.required or field.default}
    for filled, paths in [
        (sure, (spec.test.path, *spec.paths.values())),
        *((sure | {field.variable}, field.paths.values()) for field in spec.fields),
    ]:
        problems += [
            f"paths: no field that must be filled in, or has a default, fills {{{name}}}"
            for name in dict.fromkeys(_VARIABLE.findall(" ".join(paths)))
            if name not in filled | {"model"}
        ]
    problems += [
        f"fields: {field.name!r}: default: does not fit the pattern"
        for field in spec.fields
        if field.default and field.pattern and not re.fullmatch(field.pattern, field.default)
    ]
    said = spec.base_url_suffix
    suffixes = (said,) if isinstance(said, str) else said
    fixed = bool(suffixes) and all(map(_SUFFIX.fullmatch, suffixes))
    if "{" in urlsplit(spec.base_url).netloc and not fixed:
        problems.append("base_url_suffix: must be the host's fixed end, like .example.com")
    return problems


def _bad_test(spec: ProviderSpec, *, shipped: bool) -> list[str]:
    problems = []
    if spec.test_origins and not shipped:
        problems.append("test_origins: only a provider that comes with the project may name any")
    if spec.test_origins and ("{" in spec.base_url or not spec.base_url):
        problems.append("test_origins: need a base URL without variables")
    problems += [
        f"test_origins: {origin!r} is not like https://example.com"
        for origin in spec.test_origins
        if not _ORIGIN.fullmatch(origin)
    ]
    path, origins = spec.test.path, (origin_of(spec.base_url), *spec.test_origins)
    if path and not path.startswith("/") and origin_of(path) not in origins:
        problems.append("test.path: must begin with / or be on the base URL's origin")
    return problems


def origin_of(url: str) -> str:
    """What stands before the path, variables and all."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


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
        known = [model.price] if model.price else []
        for data in [*known, *model.prices]:
            if problem := _bad_price(data):
                problems.append(f"models: {model.id!r}: price: {problem}")
        for change in model.prices:
            if change.since is None and not change.hours:
                problems.append(f"models: {model.id!r}: prices: needs from or hours")
            if any(not 0 <= start < end <= 24 for start, end in change.hours):
                problems.append(f"models: {model.id!r}: prices: hours go from 0 to 24, upwards")
    return problems


def _bad_price(data: PriceData) -> str:
    try:
        price = data.price()
    except ArithmeticError:
        return "not a decimal number"
    figures = [price.input, price.output, price.cache_read, price.cache_write, price.cache_write_1h]
    for tier in price.tiers:
        figures += [tier.input, tier.output, tier.cache_read, tier.cache_write, tier.cache_write_1h]
    known = [figure for figure in figures if figure is not None]
    if not all(figure.is_finite() for figure in known):
        return "not a decimal number"
    return "below zero" if min(known) < 0 else ""


def _decimal(text: str) -> Decimal | None:
    return Decimal(text) if text else None
