"""The marketplace's search and filters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms

from marketplace.cards import CATEGORIES, FEATURES, STATUSES, Filter
from marketplace.forms.base import Form
from providers.catalogue.spec import ProviderSpec


def _choices(
    every: str, labels: Mapping[Any, str], present: Iterable[str]
) -> list[tuple[str, str]]:
    there = set(present)
    return [("", every), *((str(key), label) for key, label in labels.items() if key in there)]


class FilterForm(Form):
    """Offers only what some provider has. A value it does not know filters nothing."""

    q = forms.CharField(
        label="Search providers",
        required=False,
        max_length=100,
        widget=forms.TextInput(
            attrs={"type": "search", "placeholder": "Search providers", "autocomplete": "off"}
        ),
    )
    category = forms.ChoiceField(label="Category", required=False)
    feature = forms.ChoiceField(label="Feature", required=False)
    status = forms.ChoiceField(
        label="Status", required=False, choices=[("", "Status"), *STATUSES.items()]
    )

    def __init__(self, data: Mapping[str, Any], specs: Iterable[ProviderSpec]) -> None:
        super().__init__(data)
        specs = list(specs)
        offered = {feature for spec in specs for feature in spec.features}
        categories = _choices("Category", CATEGORIES, (spec.category for spec in specs))
        self.fields["category"].choices = categories  # type: ignore[attr-defined]  # a ChoiceField
        self.fields["feature"].choices = _choices("Feature", FEATURES, offered)  # type: ignore[attr-defined]  # a ChoiceField

    @property
    def filter(self) -> Filter:
        self.is_valid()
        value = self.cleaned_data.get
        return Filter(
            value("q", ""), value("category", ""), value("feature", ""), value("status", "")
        )
