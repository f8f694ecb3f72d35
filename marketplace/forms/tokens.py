"""A new access token: what it is for, what it may do, where, and for how long."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from integrations import access
from integrations.actions.tokens import LONGEST_LIFE
from integrations.models import Integration
from integrations.tokens import SCOPES
from marketplace.forms.base import Form
from marketplace.models import User

_LIVES = [("30", "30 days"), ("90", "90 days"), ("365", "One year"), ("custom", "Until a date…")]


class TokenForm(Form):
    use_required_attribute = False  # fields are hidden by other fields' values

    name = forms.CharField(
        label="Name",
        max_length=100,
        help_text="What will use it, for example “Editor on my laptop”.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "autofocus": True}),
    )
    scopes = forms.MultipleChoiceField(
        label="What it may do",
        choices=list(SCOPES.items()),
        initial=["chat", "embeddings", "vision"],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one thing the token may do."},
    )
    life = forms.ChoiceField(label="Expires after", choices=_LIVES, initial="90")
    date = forms.DateField(
        label="Expires on", required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    reach = forms.ChoiceField(
        label="Integrations",
        choices=[("all", "All, also later ones"), ("chosen", "Only chosen ones")],
        initial="all",
        widget=forms.RadioSelect,
    )
    integrations = forms.ModelMultipleChoiceField(
        Integration.objects.none(), required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, user: User, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data)
        mine = access.integrations_of(user)
        self.fields["integrations"].queryset = mine  # type: ignore[attr-defined]  # a ModelMultipleChoiceField
        today = timezone.now().date()
        self.fields["date"].widget.attrs |= {
            "min": (today + timedelta(days=1)).isoformat(),
            "max": (today + LONGEST_LIFE).isoformat(),
        }

    def clean(self) -> dict[str, Any]:
        value = self.cleaned_data
        if value.get("life") == "custom" and not value.get("date") and "date" not in self.errors:
            self.add_error("date", "Choose the day.")
        if value.get("reach") == "chosen" and not value.get("integrations"):
            self.add_error("reach", "Choose at least one integration.")
        return value

    @property
    def expires_at(self) -> datetime:
        """The end of the chosen day, or so many days from now."""
        value = self.cleaned_data
        if value["life"] != "custom":
            return timezone.now() + timedelta(days=int(value["life"]))
        end = datetime.combine(value["date"], datetime.max.time())
        return timezone.make_aware(end.replace(microsecond=0))

    @property
    def chosen(self) -> list[Integration]:
        """Empty is all."""
        value = self.cleaned_data
        return list(value["integrations"]) if value["reach"] == "chosen" else []

    def report(self, error: ValidationError) -> None:
        """What the action found, beside the fields it is about."""
        places = {"expires_at": "date", "integrations": "reach"}
        for name, sentences in error.message_dict.items():
            place = places.get(name, name)
            self.add_error(place if place in self.fields else None, sentences)
