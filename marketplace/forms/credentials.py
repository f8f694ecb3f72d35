"""How to sign in at a provider, as a form built from the provider's data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from django import forms
from django.core.exceptions import ValidationError
from django.forms.boundfield import BoundField

from integrations.inputs import IntegrationInput
from integrations.models import Integration
from marketplace.forms import mapping
from marketplace.forms.base import Form
from marketplace.forms.headers import HeadersField
from providers.adapters.custom_mapping import PLACEHOLDERS
from providers.catalogue.spec import Auth, Field, ProviderSpec
from providers.endpoint import BadEndpoint, Endpoint

T = TypeVar("T")

_PLAIN = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}


class TargetForm(forms.Form):
    """What a connection test is about: a provider and, where it is saved already, the integration."""

    provider = forms.CharField(max_length=100)
    integration = forms.UUIDField(required=False)


class IntegrationForm(Form):
    """Common to the forms about one integration. Fields are called like the keys of ``inputs.check``'s errors."""

    use_required_attribute = False  # a field may be hidden by another one's value

    def input(self) -> IntegrationInput:
        raise NotImplementedError

    def act(self, action: Callable[[IntegrationInput], T]) -> T | None:
        """``action`` with what was typed; None when that or the form finds fault, which the fields then tell."""
        if self.is_valid():
            try:
                return action(self.input())
            except ValidationError as error:
                self.report(error)
        return None

    def report(self, error: ValidationError) -> None:
        """The sentences of ``error`` beside the fields they are about."""
        for name, sentences in error.message_dict.items():
            self.add_error(self._place(name), sentences)

    def _place(self, name: str) -> str | None:
        """The field for ``mapping.answer.text``: that, ``mapping.answer`` or ``mapping``, whichever there is."""
        while name and name not in self.fields:
            name = name.rpartition(".")[0]
        return name or None

    def group(self, prefix: str) -> dict[str, Any]:
        """The cleaned values of the fields called ``prefix.something``, by that something."""
        return {
            name.partition(".")[2]: value
            for name, value in self.cleaned_data.items()
            if name.startswith(f"{prefix}.")
        }


class CredentialsForm(IntegrationForm):
    """A new integration, or the credentials of one. A stored key is never sent back: an empty field keeps it."""

    name = forms.CharField(
        label="Name",
        required=False,
        help_text="How you will tell it from others, for example “Work”.",
    )
    auth_id = forms.ChoiceField(label="Way to sign in", required=False, widget=forms.RadioSelect)
    key = forms.CharField(required=False, widget=forms.PasswordInput)

    def __init__(
        self,
        spec: ProviderSpec,
        integration: Integration | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        self.spec = spec
        self.integration = integration
        self.ways = list(spec.usable_ways or spec.auth[:1])
        stored = integration.auth_id if integration else ""
        super().__init__(
            data, initial={"auth_id": spec.way(stored).id if stored else self.ways[0].id}
        )
        self._shape_key()
        if integration:
            del self.fields["name"]
        else:
            self.fields["name"].widget.attrs.update(_PLAIN, placeholder=spec.name)
        self.fields |= address_fields(spec, integration)
        if spec.adapter == "custom":
            self.fields["model"] = _model_field(integration)
            self.fields |= mapping.fields(spec, integration)
        if spec.category == "custom":
            self.fields["headers"] = HeadersField(integration.header_names if integration else ())

    def _shape_key(self) -> None:
        if len(self.ways) == 1:
            del self.fields["auth_id"]
        else:
            choices = [(way.id, way.label) for way in self.ways]
            self.fields["auth_id"].choices = choices  # type: ignore[attr-defined]  # a ChoiceField
        if not self.takes_key:
            del self.fields["key"]
            return
        key = self.fields["key"]
        labels = [way.label for way in self.ways if way.type != "none"]
        key.label = labels[0] if len(labels) == 1 else "Key"
        key.widget.attrs.update(_PLAIN, **_key_attributes(self.spec, self.integration))

    @property
    def takes_key(self) -> bool:
        return any(way.type != "none" for way in self.ways)

    @property
    def has_key(self) -> bool:
        return bool(self.integration and self.integration.has_key)

    @property
    def ways_to_choose(self) -> list[tuple[Auth, bool]]:
        """Each way with whether it is the chosen one; empty where there is no choice."""
        if "auth_id" not in self.fields:
            return []
        chosen = self["auth_id"].value()
        return [(way, way.id == chosen) for way in self.ways]

    @property
    def upfront(self) -> list[BoundField]:
        """The address fields that a person has to see."""
        return [self[name] for name in self._addresses() if self._is_needed(name)]

    @property
    def mapping_fields(self) -> list[BoundField]:
        """How to speak to the provider, where the person says so."""
        return [self[name] for name in self.fields if name.startswith("mapping.")]

    @property
    def placeholders(self) -> Mapping[str, str]:
        """What a mapping's request may hold, and what it becomes."""
        return PLACEHOLDERS

    @property
    def advanced(self) -> list[BoundField]:
        rest = [self[name] for name in self._addresses() if not self._is_needed(name)]
        return rest + ([self["headers"]] if "headers" in self.fields else [])

    @property
    def advanced_matters(self) -> bool:
        """Whether something is filled in or wrong there, so that it has to be open."""
        return any(field.errors or field.value() for field in self.advanced)

    def _addresses(self) -> Iterable[str]:
        return [name for name in self.fields if name == "base_url" or name.startswith("fields.")]

    def _is_needed(self, name: str) -> bool:
        local = name == "base_url" and self.spec.deployment in ("local", "custom")
        names_header = any(
            name == f"fields.{field.name}" for field in self.spec.fields if field.names
        )
        return self.fields[name].required or local or names_header

    def input(self) -> IntegrationInput:
        value = self.cleaned_data
        return IntegrationInput(
            name=value.get("name") or None,
            auth_id=value.get("auth_id") or None,
            key=value.get("key"),
            base_url=value.get("base_url"),
            fields=self.group("fields"),
            headers=value.get("headers"),
            model=value.get("model"),
            mapping=mapping.value(value) if self.mapping_fields else None,
        )


def _model_field(integration: Integration | None) -> forms.Field:
    return forms.CharField(
        label="Default model",
        required=False,
        initial=integration.model if integration else "",
        help_text='What {"$": "model"} becomes where a call names none.',
        widget=forms.TextInput(attrs=dict(_PLAIN)),
    )


def address_fields(spec: ProviderSpec, integration: Integration | None) -> dict[str, forms.Field]:
    """Where calls go and as whom: the base URL and what else the provider wants to know."""
    found: dict[str, forms.Field] = {}
    if spec.deployment != "builtin":
        found["base_url"] = forms.CharField(
            label="Base URL",
            required=not spec.base_url,
            initial=integration.base_url if integration else "",
            help_text=_about_address(spec),
            widget=forms.TextInput(attrs=_address_attributes(spec, integration)),
        )
    for field in spec.fields:
        found[f"fields.{field.name}"] = forms.CharField(
            label=field.label,
            required=field.required,
            initial=integration.fields.get(field.name, "") if integration else "",
            help_text=field.help,
            widget=forms.TextInput(attrs=_setting_attributes(field)),
        )
    return found


def _setting_attributes(field: Field) -> dict[str, str]:
    """``data-way``: it matters for one way to sign in only."""
    way = {"data-way": field.names} if field.names else {}
    return _PLAIN | {"placeholder": field.default} | way


def _about_address(spec: ProviderSpec) -> str:
    if spec.deployment == "local":
        return f"Where {spec.name} listens. The server’s operator decides which local addresses may be called."
    if not spec.base_url:
        return ""
    others = (
        f" It also has {', '.join(spec.base_url_alternatives)}."
        if spec.base_url_alternatives
        else ""
    )
    return f"Empty is {spec.name}’s own address.{others}"


def _address_attributes(spec: ProviderSpec, integration: Integration | None) -> dict[str, str]:
    example = spec.base_url if "{" not in spec.base_url else ""
    attributes = _PLAIN | {
        "inputmode": "url",
        "placeholder": example or "https://api.example.com/v1",
    }
    if (
        integration
        and (integration.has_key or integration.header_names)
        and (origin := _origin(integration))
    ):
        attributes |= {"data-origin": origin, "data-warning": "address-warning"}
    return attributes


def _origin(integration: Integration) -> str:
    """As a browser writes it: without the scheme's own port."""
    try:
        endpoint = integration.endpoint
    except BadEndpoint:
        return ""
    return Endpoint(endpoint.scheme, endpoint.host, endpoint.port, "").url


def _key_attributes(spec: ProviderSpec, integration: Integration | None) -> dict[str, str]:
    attributes = {"data-1p-ignore": "true", "placeholder": ""}
    if integration and integration.has_key:
        attributes["placeholder"] = integration.masked_key
    if integration is None:
        attributes["autofocus"] = "true"
    if spec.key.pattern:
        attributes |= {"data-looks": spec.key.pattern, "data-hint": "key-looks"}
    return attributes
