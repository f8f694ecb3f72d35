"""Models as rows: what each is called, how much it takes, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.datastructures import MultiValueDict

from integrations.provider_inputs import ModelInput
from marketplace.forms.base import ActionForm
from providers.catalogue.spec import ModelSpec
from providers.models import CustomModel
from providers.registry import catalogue

_PLAIN = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
_FIGURE = {"autocomplete": "off", "inputmode": "decimal"}


@dataclass(frozen=True, slots=True)
class Row:
    """As it is typed."""

    id: str = ""
    context: str = ""
    max_output: str = ""
    input_price: str = ""
    output_price: str = ""

    @classmethod
    def of(cls, model: ModelSpec) -> Row:
        price = model.price
        return cls(
            model.id,
            str(model.context or ""),
            str(model.max_output or ""),
            price.input if price else "",
            price.output if price else "",
        )


_COLUMNS = tuple(field.name for field in fields(Row))


class ModelRowsWidget(forms.Widget):
    template_name = "components/models.html"
    use_fieldset = True

    def value_from_datadict(
        self, data: Mapping[str, Any], files: Any, name: str
    ) -> list[Row] | None:
        if not isinstance(data, MultiValueDict):
            return None
        columns = (data.getlist(f"{name}.{column}") for column in _COLUMNS)
        rows = [Row(*(text.strip() for text in values)) for values in zip(*columns, strict=False)]
        return [row for row in rows if row != Row()]

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        rows = list(value or ())
        return {"widget": {"name": name, "rows": rows, "empty": Row(), "attrs": attrs or {}}}


class ModelRowsField(forms.Field):
    """Gives a ModelInput for each row. An empty price is unpriced, which is not free."""

    widget = ModelRowsWidget

    def clean(self, value: Sequence[Row] | None) -> list[ModelInput]:
        return [_input(row) for row in value or ()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return list(initial or ()) != list(data or ())


def _input(row: Row) -> ModelInput:
    return ModelInput(
        id=row.id,
        context=_whole(row.context),
        max_output=_whole(row.max_output),
        input_price=row.input_price,
        output_price=row.output_price,
    )


def _whole(text: str) -> int:
    digits = text.replace(",", "").replace("_", "")
    if digits and not (digits.isascii() and digits.isdigit() and len(digits) < 10):
        raise ValidationError(f"{text[:20]} is not a number of tokens.")
    return int(digits or 0)


class AddedModelForm(ActionForm):
    """One model that is added to a provider of the catalogue."""

    provider_id = forms.ChoiceField(label="Provider")
    id = forms.CharField(
        label="Model",
        max_length=200,
        help_text="As its provider writes it.",
        widget=forms.TextInput(attrs=_PLAIN | {"autofocus": True}),
    )
    name = forms.CharField(
        label="Name", required=False, max_length=200, help_text="Empty is the same as the model."
    )
    kind = forms.ChoiceField(
        label="Kind", choices=[("chat", "Chat"), ("embedding", "Embeddings"), ("other", "Other")]
    )
    context = forms.IntegerField(
        label="Context window",
        required=False,
        min_value=0,
        max_value=10**9,
        widget=forms.TextInput(attrs=_FIGURE | {"placeholder": "Not known"}),
    )
    max_output = forms.IntegerField(
        label="Longest answer",
        required=False,
        min_value=0,
        max_value=10**9,
        widget=forms.TextInput(attrs=_FIGURE | {"placeholder": "Not known"}),
    )
    input_price = forms.CharField(
        label="Input price",
        required=False,
        max_length=30,
        help_text="US dollars for a million tokens.",
        widget=forms.TextInput(attrs=_FIGURE | {"placeholder": "Unpriced"}),
    )
    output_price = forms.CharField(
        label="Output price",
        required=False,
        max_length=30,
        widget=forms.TextInput(attrs=_FIGURE | {"placeholder": "Unpriced"}),
    )

    def __init__(
        self, data: Mapping[str, Any] | None = None, row: CustomModel | None = None
    ) -> None:
        super().__init__(data, initial=_initial(row) if row else None)
        if row:
            del self.fields["provider_id"]
        else:
            self.fields["provider_id"].choices = [(spec.id, spec.name) for spec in catalogue()]  # type: ignore[attr-defined]  # a ChoiceField

    def input(self) -> ModelInput:
        value = self.cleaned_data
        return ModelInput(
            id=value["id"],
            name=value["name"],
            kind=value["kind"],
            context=value["context"] or 0,
            max_output=value["max_output"] or 0,
            input_price=value["input_price"],
            output_price=value["output_price"],
        )


def _initial(row: CustomModel) -> dict[str, Any]:
    spec = row.to_spec()
    return {**asdict(Row.of(spec)), "name": spec.name, "kind": spec.kind}
