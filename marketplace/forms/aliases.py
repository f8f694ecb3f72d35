"""An alias: its name, and the models it stands for in the order in which they are tried."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django import forms

from aiproxy.actions import AliasInput
from aiproxy.gateway.aliases import Step
from aiproxy.models import Alias
from marketplace.forms.base import ActionForm, LinesField

_PLAIN = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}

STRATEGIES = {
    Alias.PRIORITY: ("In this order", "The first that the caller has connected."),
    Alias.WEIGHTED: ("By weight", "Spread: a line that ends in ×3 gets three times the calls."),
    Alias.CHEAPEST: ("Cheapest", "The lowest price for what is asked; unpriced ones come last."),
    Alias.FASTEST: ("Fastest", "The one that began its answers soonest of late."),
}
"""What each is called and does, for the person who chooses."""

# "openai/gpt-5-mini ×3". Keyboards without the sign have x and *, which need a space: names of models hold them too.
_WEIGHT = re.compile(r"(?:\s*×\s*(.*)|\s+[xX*]\s*(\d+))$")


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
            "One provider/model in each line; when one fails, the next takes over. The id of one integration can "
            "stand in place of the provider."
        ),
        widget=forms.Textarea(
            attrs=_PLAIN
            | {"rows": 4, "placeholder": "openai/gpt-5-mini\ngroq/llama-3.3-70b-versatile"}
        ),
    )

    strategy = forms.ChoiceField(
        label="Which one goes first",
        required=False,
        choices=[(code, label) for code, (label, _) in STRATEGIES.items()],
        initial=Alias.PRIORITY,
        widget=forms.RadioSelect,
    )

    def __init__(self, data: Mapping[str, Any] | None = None, alias: Alias | None = None) -> None:
        super().__init__(data, initial=_initial(alias) if alias else None)

    @property
    def strategies(self) -> list[tuple[str, str, str, bool]]:
        """Each with its name, its sentence and whether it is the chosen one."""
        chosen = self["strategy"].value()
        return [(code, *said, code == chosen) for code, said in STRATEGIES.items()]

    def input(self) -> AliasInput:
        value = self.cleaned_data
        return AliasInput(
            name=value["name"],
            description=value["description"],
            targets=[_target(line) for line in value["targets"]],
            strategy=value["strategy"] or None,
        )


def line(step: Step) -> str:
    return str(step) if step.weight == 1 else f"{step} ×{step.weight}"


def _target(text: str) -> dict[str, Any]:
    place, _, model = text.partition("/")
    weight: dict[str, Any] = {}
    if found := _WEIGHT.search(model):
        model, number = model[: found.start()], found[2] or found[1]
        weight = {"weight": int(number) if number.isdecimal() else number}
    try:
        return {"integrationId": str(UUID(place.strip())), "model": model, **weight}
    except ValueError:
        return {"provider": place.strip(), "model": model, **weight}


def _initial(alias: Alias) -> dict[str, Any]:
    return {
        "name": alias.name,
        "description": alias.description,
        "targets": [line(Step.from_json(target)) for target in alias.targets],
        "strategy": alias.strategy,
    }
