"""An alias: its name, and the models it stands for in the order in which they are tried."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django import forms

from aiproxy.actions import AliasInput
from aiproxy.gateway.aliases import Step
from aiproxy.models import Alias
from marketplace.forms.base import ActionForm, LinesField

_PLAIN = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}


class AliasForm(ActionForm):
    name = forms.CharField(
        label="Name",
        max_length=100,
        help_text="What applications ask for, like fast.",
        widget=forms.TextInput(attrs=_PLAIN | {"autofocus": True}),
    )
    description = forms.CharField(label="Description", required=False, max_length=500)
    targets = LinesField(
        label="Stands for",
        help_text=(
            "One provider/model in each line. The first whose provider the caller has connected answers. "
            "The id of one integration can stand in place of the provider."
        ),
        widget=forms.Textarea(
            attrs=_PLAIN
            | {"rows": 4, "placeholder": "openai/gpt-5-mini\ngroq/llama-3.3-70b-versatile"}
        ),
    )

    def __init__(self, data: Mapping[str, Any] | None = None, alias: Alias | None = None) -> None:
        super().__init__(data, initial=_initial(alias) if alias else None)

    def input(self) -> AliasInput:
        value = self.cleaned_data
        targets = [_target(line) for line in value["targets"]]
        return AliasInput(value["name"], value["description"], targets)


def _target(line: str) -> dict[str, str]:
    place, _, model = line.partition("/")
    try:
        return {"integrationId": str(UUID(place.strip())), "model": model}
    except ValueError:
        return {"provider": place.strip(), "model": model}


def _initial(alias: Alias) -> dict[str, Any]:
    targets = [str(Step.from_json(target)) for target in alias.targets]
    return {"name": alias.name, "description": alias.description, "targets": targets}
