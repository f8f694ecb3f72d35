"""What a person gives for an integration, and the whole integration it makes of what is stored.

``check`` looks at everything and raises one ValidationError with all it found. Its keys name the fields of
IntegrationInput, or ``provider_id``; parts of a mapping are ``fields.organization``, ``defaults.temperature``,
``headers.X-Name``, ``mapping.answer.text``, ``policy.maxWait``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError

from integrations import credentials, endpoints, rules
from integrations.errors import SealBroken
from integrations.models import Integration
from integrations.rules import Problems
from integrations.secret import NO_SECRET, Headers, Secret
from providers.catalogue.spec import Auth, ProviderSpec
from providers.endpoint import BadEndpoint, Endpoint, parse_endpoint


@dataclass(frozen=True, slots=True)
class IntegrationInput:
    """None leaves a value as it is. An empty ``key``, and an empty value of a header, keep the stored one;
    otherwise ``headers`` names all headers there shall be, and every other mapping replaces the stored one.
    """

    name: str | None = None
    auth_id: str | None = None
    key: str | None = field(default=None, repr=False)
    base_url: str | None = None
    fields: Mapping[str, str] | None = None
    model: str | None = None
    models: Iterable[str] | None = None
    defaults: Mapping[str, Any] | None = None
    headers: Mapping[str, str] | None = field(default=None, repr=False)
    enabled: bool | None = None
    metadata: Mapping[str, Any] | None = None
    mapping: Mapping[str, Any] | None = None
    """For the adapter ``custom``: the request's template and the answer's paths. Empty is the provider's own."""
    policy: Mapping[str, Any] | None = None
    """As ``integrations.policy`` names its values; what is left out or None is as usual."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A whole integration as it shall be.

    ``name`` is empty when there is none yet. ``key`` and ``headers`` are new values; ``keep_key`` and
    ``kept_headers`` say what stays sealed as it is. ``moved``: calls go to another origin than the stored
    secrets were given for, so none of them is kept.
    """

    spec: ProviderSpec
    auth: Auth
    endpoint: Endpoint
    base_url: str
    name: str
    fields: dict[str, str]
    model: str
    models: list[str]
    defaults: dict[str, Any]
    metadata: dict[str, Any]
    mapping: dict[str, Any]
    policy: dict[str, Any]
    moved: bool
    key: str = field(repr=False)
    keep_key: bool
    headers: dict[str, str] = field(repr=False)
    kept_headers: tuple[str, ...]


def check(
    spec: ProviderSpec | None, data: IntegrationInput, stored: Integration | None = None
) -> Checked:
    """``data`` over what is ``stored``; raises ValidationError."""
    if spec is None:
        raise ValidationError({"provider_id": ["There is no such provider in the catalogue."]})
    if not spec.callable:
        raise ValidationError(
            {"provider_id": [f"{spec.name} is listed, but cannot be called yet."]}
        )
    return _Check(spec, data, stored).result()


def kept_key(stored: Integration, checked: Checked) -> Secret:
    """The stored key where ``checked`` keeps it. Raises ValidationError when it does not open any more."""
    try:
        return credentials.reveal(stored) if checked.keep_key else NO_SECRET
    except SealBroken:
        sentence = "The stored key cannot be opened any more. Type it in again."
        raise ValidationError({"key": [sentence]}) from None


def kept_headers(stored: Integration, checked: Checked) -> dict[str, str]:
    """The stored headers that ``checked`` keeps. Raises ValidationError when they do not open any more."""
    try:
        opened = credentials.reveal_headers(stored) if checked.kept_headers else Headers({})
    except SealBroken:
        sentence = "The stored headers cannot be opened any more. Type them in again."
        raise ValidationError({"headers": [sentence]}) from None
    return {name: opened[name] for name in checked.kept_headers}


class _Check:
    def __init__(
        self, spec: ProviderSpec, data: IntegrationInput, stored: Integration | None
    ) -> None:
        self.spec = spec
        self.data = data
        self.stored = stored
        self.base = stored or Integration(provider_id=spec.id)
        self.problems = Problems()

    def result(self) -> Checked:
        data, base, problems = self.data, self.base, self.problems
        fields = rules.fields(self.spec.fields, _or(data.fields, base.fields), problems)
        endpoint, base_url = self.endpoint(fields)
        moved = endpoint is not None and self.moves(endpoint)
        auth = self.auth(fields)
        key, keep_key = self.key(auth, moved)
        headers, kept_headers = self.headers(auth, moved)
        name = rules.line("name", data.name or base.name, rules.MAX_NAME, problems)
        model = rules.line("model", _or(data.model, base.model), rules.MAX_MODEL, problems)
        models = rules.models(_or(data.models, base.models), problems)
        defaults = rules.defaults(_or(data.defaults, base.defaults), problems)
        metadata = rules.metadata(_or(data.metadata, base.metadata), problems)
        mapping = rules.mapping(self.spec, _or(data.mapping, base.mapping), problems)
        policy = rules.policy(_or(data.policy, base.policy), problems)
        problems.raise_if_any()
        assert endpoint is not None  # or there was a problem
        return Checked(
            spec=self.spec,
            auth=auth,
            endpoint=endpoint,
            base_url=base_url,
            name=name,
            fields=fields,
            model=model,
            models=models,
            defaults=defaults,
            metadata=metadata,
            mapping=mapping,
            policy=policy,
            moved=moved,
            key=key,
            keep_key=keep_key,
            headers=headers,
            kept_headers=kept_headers,
        )

    def endpoint(self, fields: Mapping[str, str]) -> tuple[Endpoint | None, str]:
        """Where calls go, and what is stored of it: nothing where that is the provider's own address."""
        text = _or(self.data.base_url, self.base.base_url).strip()
        try:
            if text and self.spec.deployment == "builtin":
                raise BadEndpoint("This provider is built in; it has no address to set.")
            if text and "{" not in self.spec.base_url and self.spec.base_url:
                own = parse_endpoint(self.spec.base_url)
                text = "" if parse_endpoint(text) == own else text
            endpoint = endpoints.resolve(self.spec, text, fields)
            endpoints.refuse_private(endpoint, settings.AIM_PRIVATE_ENDPOINTS)
        except BadEndpoint as error:
            self.problems.add("base_url", str(error))
            return None, ""
        return endpoint, endpoint.url if text else ""

    def moves(self, endpoint: Endpoint) -> bool:
        if self.stored is None:
            return False
        try:
            return self.stored.endpoint.origin != endpoint.origin
        except BadEndpoint:
            return True

    def auth(self, fields: Mapping[str, str]) -> Auth:
        """The way asked for, else the stored one, else the first usable one that fits whether there is a key."""
        ways, chosen = self.spec.usable_ways or self.spec.auth, self.data.auth_id
        if not chosen:
            keyless = not (self.data.key or "").strip()
            fitting = (way for way in ways if (way.type == "none") == keyless)
            chosen = self.stored.auth_id if self.stored else next(fitting, ways[0]).id
        elif chosen not in {way.id for way in self.spec.auth}:
            self.problems.add("auth_id", "This provider has no such way to sign in.")
        way = self.spec.way(chosen, fields)
        if way.id not in {usable.id for usable in self.spec.usable_ways}:
            self.problems.add("auth_id", f"Signing in by {way.label!r} is not possible here yet.")
        return way

    def key(self, auth: Auth, moved: bool) -> tuple[str, bool]:
        """The new key, or whether the stored one stays. Only a move may leave an integration without."""
        key = rules.key(auth, self.data.key or "", self.problems)
        keep = self.base.has_key and not moved and not key and auth.type != "none"
        lacked_before = self.stored is not None and self.stored.api_key_type != "none"
        if auth.type != "none" and not key and not keep and not lacked_before:
            self.problems.add("key", f"{auth.label} is needed.")
        return key, keep

    def headers(self, auth: Auth, moved: bool) -> tuple[dict[str, str], tuple[str, ...]]:
        stored = {name.lower(): name for name in self.base.header_names}
        if self.data.headers is None:
            return {}, () if moved else tuple(stored.values())
        given = rules.headers(auth, self.data.headers, self.problems)
        for name in (
            name for name, value in given.items() if not value and name.lower() not in stored
        ):
            self.problems.add(f"headers.{name}", "This header needs a value.")
        kept = [
            stored[name.lower()]
            for name, value in given.items()
            if not value and name.lower() in stored
        ]
        return {name: value for name, value in given.items() if value}, () if moved else tuple(kept)


def _or(value: Any, stored: Any) -> Any:
    return stored if value is None else value
