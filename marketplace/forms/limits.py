"""A limit: whose calls it holds for, how much they may use, and whether they may wait."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.forms.boundfield import BoundField

from aiproxy import access as limit_access
from aiproxy.actions import LimitInput
from aiproxy.models import Limit
from integrations import access
from marketplace.forms.base import ActionForm
from marketplace.models import User
from providers.registry import catalogue

_PLAIN = {"autocomplete": "off", "spellcheck": "false"}
_SEPARATORS = str.maketrans("", "", ", _\u00a0\u202f'")


class Count(forms.IntegerField):
    """A whole number that may be written as people do: ``1,000,000`` or ``1 000 000``."""

    def __init__(self, label: str, help_text: str = "", placeholder: str = "No limit") -> None:
        attributes = _PLAIN | {"inputmode": "numeric", "placeholder": placeholder}
        super().__init__(
            label=label,
            help_text=help_text,
            required=False,
            widget=forms.TextInput(attrs=attributes),
        )

    def to_python(self, value: Any) -> int | None:
        return super().to_python(str(value or "").translate(_SEPARATORS))


class Dollars(forms.DecimalField):
    """An amount, with or without the sign."""

    def __init__(self, label: str) -> None:
        attributes = _PLAIN | {"inputmode": "decimal", "placeholder": "No limit"}
        widget = forms.TextInput(attrs=attributes)
        super().__init__(label=label, required=False, widget=widget)

    def prepare_value(self, value: Any) -> Any:
        return f"{value.normalize():f}" if isinstance(value, Decimal) else value

    def to_python(self, value: Any) -> Decimal | None:  # type: ignore[override]  # the stub thinks it is an IntegerField
        return super().to_python(str(value or "").translate(_SEPARATORS).strip("$"))


RATES = ("requests_per_minute", "tokens_per_minute", "concurrent")
BUDGETS = ("money_per_day", "money_per_month", "tokens_per_day", "tokens_per_month")
_VALUES = (*RATES, *BUDGETS, "queue_seconds")


class LimitForm(ActionForm):
    about = forms.ChoiceField(label="Holds for", widget=forms.Select(attrs={"autofocus": True}))
    account = forms.CharField(
        label="Of the account",
        required=False,
        help_text="Another person’s e-mail address. They see the limit and cannot change it. Empty is your own.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "Your own"}),
    )
    requests_per_minute = Count("Requests a minute")
    tokens_per_minute = Count("Tokens a minute")
    concurrent = Count("Calls at once")
    money_per_day = Dollars("US dollars a day")
    money_per_month = Dollars("US dollars a month")
    tokens_per_day = Count("Tokens a day")
    tokens_per_month = Count("Tokens a month")
    queue_seconds = Count(
        "Seconds a call may wait",
        help_text="For a rate or a free place; empty refuses at once. Budgets are never waited for.",
        placeholder="0",
    )

    places: ClassVar[Mapping[str, str]] = {
        "kind": "about",
        "provider_id": "about",
        "integration_id": "about",
        "token_id": "about",
    }

    def __init__(
        self,
        user: User,
        data: Mapping[str, Any] | None = None,
        limit: Limit | None = None,
        about: str = "",
    ) -> None:
        self.user, self.limit = user, limit
        self.owner: User = user
        initial: dict[str, Any] = {"about": about or Limit.USER}
        if limit is not None:
            initial = {name: getattr(limit, name) or None for name in _VALUES}
        super().__init__(data, initial=initial)
        if limit is not None:  # what it is about stays as it is
            del self.fields["about"], self.fields["account"]
            return
        self.fields["about"].choices = _subjects(user)  # type: ignore[attr-defined]  # a ChoiceField
        if not access.is_administrator(user):
            del self.fields["account"]

    @property
    def rates(self) -> list[BoundField]:
        return [self[name] for name in RATES]

    @property
    def budgets(self) -> list[BoundField]:
        return [self[name] for name in BUDGETS]

    def clean_account(self) -> str:
        email = self.cleaned_data["account"].strip()
        if email:
            found = User.objects.filter(email__iexact=email).first()
            if found is None:
                raise ValidationError("There is no account with this address.")
            self.owner = found
        return str(email)

    def clean(self) -> dict[str, Any]:
        if self.limit is None and not self.errors and self._exists():
            self.add_error("about", "There is a limit for this already. Change that one.")
        return self.cleaned_data

    def input(self) -> LimitInput:
        value = self.cleaned_data
        values = {name: value[name] for name in _VALUES} | {
            "queue_seconds": value["queue_seconds"] or 0
        }
        return LimitInput(**self._subject(), **values)

    def _exists(self) -> bool:
        return limit_access.limits_of(self.owner).filter(**self._subject()).exists()

    def _subject(self) -> dict[str, Any]:
        if (limit := self.limit) is not None:
            return {
                "kind": limit.kind,
                "provider_id": limit.provider_id,
                "integration_id": limit.integration_id,
                "token_id": limit.token_id,
                "by_operator": limit.by_operator,
            }
        kind, _, id = self.cleaned_data["about"].partition(":")
        return {
            "kind": kind,
            "provider_id": id if kind == Limit.PROVIDER else "",
            "integration_id": UUID(id) if kind == Limit.INTEGRATION else None,
            "token_id": UUID(id) if kind == Limit.TOKEN else None,
            "by_operator": self.owner.pk != self.user.pk,
        }


def _subjects(user: User) -> list[tuple[str, Any]]:
    """All that a limit can hold for, as a select shows it."""
    integrations = access.integrations_of(user)
    tokens = [token for token in access.tokens_of(user) if token.state == "active"]
    providers = sorted(
        (spec for spec in catalogue() if spec.callable), key=lambda spec: spec.name.lower()
    )
    groups = [
        ("One integration", [(f"integration:{one.pk}", one.name) for one in integrations]),
        ("One access token", [(f"token:{one.pk}", one.name) for one in tokens]),
        ("One provider", [(f"provider:{one.id}", one.name) for one in providers]),
    ]
    return [(Limit.USER, "The whole account"), *(group for group in groups if group[1])]
