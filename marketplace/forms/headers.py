"""Extra headers as rows of name and value. Values are secrets: stored ones are never sent back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.datastructures import MultiValueDict

Rows = list[tuple[str, str]]


class HeadersWidget(forms.Widget):
    template_name = "components/headers.html"
    use_fieldset = True

    def __init__(self, stored: Iterable[str]) -> None:
        super().__init__()
        self.stored = tuple(stored)

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> Rows | None:
        if not isinstance(data, MultiValueDict):
            return None
        names, values = data.getlist(f"{name}.name"), data.getlist(f"{name}.value")
        return [
            (header.strip(), value)
            for header, value in zip(names, values, strict=False)
            if header or value
        ]

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        rows = [header for header, _ in value] if isinstance(value, list) else list(value or ())
        shown = {"name": name, "rows": rows, "stored": self.stored, "attrs": attrs or {}}
        return {"widget": shown}


class HeadersField(forms.Field):
    """Gives a dict from name to value. An empty value keeps the stored one, and a row that is gone removes it."""

    def __init__(self, stored: Iterable[str]) -> None:
        stored = tuple(stored)
        super().__init__(
            required=False,
            label="Extra headers",
            initial=stored,
            help_text="Sent with every call. Values are kept like keys.",
            widget=HeadersWidget(stored),
        )

    def clean(self, value: Rows | None) -> dict[str, str]:
        headers: dict[str, str] = {}
        for name, text in value or ():
            if not name:
                raise ValidationError("Give each header a name.")
            if name in headers:
                raise ValidationError(f"The header {name} stands there twice.")
            headers[name] = text
        return headers

    def has_changed(self, initial: Any, data: Any) -> bool:
        return [name for name, _ in data or ()] != list(initial or ()) or any(
            text for _, text in data or ()
        )
