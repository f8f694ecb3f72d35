"""Forms whose fields render themselves with templates/components/field.html: label, help, input, errors beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from django import forms
from django.core.exceptions import ValidationError
from django.forms.renderers import TemplatesSetting

if TYPE_CHECKING:
    _Base = forms.BaseForm
else:
    _Base = object

T = TypeVar("T")


class Renderer(TemplatesSetting):
    """FORM_RENDERER: ``{{ field.as_field_group }}`` uses our component; widgets keep Django's templates.

    Django itself ties help (``<id>_helptext``) and errors (``<id>_error``) to the input for screen readers, so the
    component must give them these ids.
    """

    field_template_name = "components/field.html"


class FormMixin(_Base):
    """For every form of the site: labels without a colon, and the first field with an error takes the focus."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)

    def full_clean(self) -> None:
        super().full_clean()
        errors = self._errors or {}  # type: ignore[attr-defined]  # not in its stub; `errors` would come back here
        wrong = [name for name in self.fields if name in errors]
        if wrong:
            for field in self.fields.values():
                field.widget.attrs.pop("autofocus", None)
            self.fields[wrong[0]].widget.attrs["autofocus"] = True


class Form(FormMixin, forms.Form):
    pass


class LinesField(forms.CharField):
    """A text area with one item in each line."""

    widget = forms.Textarea

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        lines = (line.strip() for line in str(value or "").splitlines())
        return [line for line in lines if line]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(list(initial or ()) != self.to_python(data))


class ActionForm(Form):
    """A form whose fields are called like the keys of the errors its action raises."""

    use_required_attribute = False  # the server's own sentences say more
    places: ClassVar[Mapping[str, str]] = {}
    """The field for a key of the action's that is called otherwise here."""

    def input(self) -> Any:
        """What was typed, as the action wants it."""
        raise NotImplementedError

    def act(self, action: Callable[[Any], T]) -> T | None:
        """``action`` with what was typed; None when that or the form finds fault, which the fields then tell."""
        if not self.is_valid():
            return None
        try:
            return action(self.input())
        except ValidationError as error:
            known = error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
            for name, sentences in known.items():
                place = self.places.get(name, name)
                self.add_error(place if place in self.fields else None, sentences)
            return None
