"""The settings of an integration: what it is called, what it asks for by default, and where it goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.forms.boundfield import BoundField

from integrations.inputs import IntegrationInput
from integrations.models import Integration
from marketplace.forms import policy
from marketplace.forms.base import LinesField
from marketplace.forms.credentials import IntegrationForm, address_fields
from marketplace.forms.headers import HeadersField
from providers.catalogue.spec import ProviderSpec

_NUMBERS: dict[str, tuple[str, type[forms.Field]]] = {
    "temperature": ("Temperature", forms.FloatField),
    "top_p": ("Top p", forms.FloatField),
    "max_tokens": ("Maximum tokens", forms.IntegerField),
}


class SettingsForm(IntegrationForm):
    name = forms.CharField(label="Name", widget=forms.TextInput(attrs={"autocomplete": "off"}))
    model = forms.CharField(
        label="Default model",
        required=False,
        widget=forms.TextInput(
            attrs={"list": "model-list", "autocomplete": "off", "spellcheck": "false"}
        ),
    )
    models = LinesField(
        label="Further models",
        required=False,
        help_text="Names the list does not hold, one in each line.",
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
    )

    def __init__(
        self, spec: ProviderSpec, integration: Integration, data: Mapping[str, Any] | None = None
    ) -> None:
        names = ("name", "model", "models")
        super().__init__(data, initial={name: getattr(integration, name) for name in names})
        self.fields["model"].widget.attrs["placeholder"] = spec.default_model or "None"
        self.fields |= _default_fields(integration.defaults) | address_fields(spec, integration)
        self.fields |= policy.fields(integration.policy)
        self.stored_policy = integration.policy
        if spec.deployment != "builtin":
            self.fields["headers"] = HeadersField(integration.header_names)

    @property
    def numbers(self) -> list[BoundField]:
        return [self[f"defaults.{name}"] for name in _NUMBERS]

    @property
    def system_prompt(self) -> BoundField:
        return self["defaults.system_prompt"]

    @property
    def addresses(self) -> list[BoundField]:
        return [
            self[name]
            for name in self.fields
            if name in ("base_url", "headers") or name.startswith("fields.")
        ]

    def clean(self) -> dict[str, Any]:
        if policy.lacks_seconds(self.group("policy")):
            self.add_error("policy.cacheSeconds", "Give the number of seconds.")
        return self.cleaned_data

    @property
    def sections(self) -> list[policy.Section]:
        return policy.sections(self, self.stored_policy)

    def _policy(self) -> dict[str, Any] | None:
        """None, which changes nothing, where the page that was sent had no such fields."""
        shown = any(name.startswith("policy.") for name in self.data)
        return policy.value(self.group("policy")) if shown else None

    def input(self) -> IntegrationInput:
        value = self.cleaned_data
        return IntegrationInput(
            name=value["name"],
            model=value["model"],
            models=value["models"],
            base_url=value.get("base_url"),
            fields=self.group("fields"),
            defaults={
                name: given
                for name, given in self.group("defaults").items()
                if given not in (None, "")
            },
            headers=value.get("headers"),
            policy=self._policy(),
        )


def _default_fields(defaults: Mapping[str, Any]) -> dict[str, forms.Field]:
    found: dict[str, forms.Field] = {
        f"defaults.{name}": field(
            label=label, required=False, initial=defaults.get(name), widget=_number(name)
        )
        for name, (label, field) in _NUMBERS.items()
    }
    found["defaults.system_prompt"] = forms.CharField(
        label="System prompt",
        required=False,
        initial=defaults.get("system_prompt", ""),
        help_text="Used where a call gives none of its own.",
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    return found


def _number(name: str) -> forms.TextInput:
    kind = "numeric" if name == "max_tokens" else "decimal"
    attributes = {"inputmode": kind, "autocomplete": "off", "placeholder": "The model’s own"}
    return forms.TextInput(attrs=attributes)
