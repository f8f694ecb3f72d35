"""Signing in, the first account, and a new password."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib.auth.forms import (
    AuthenticationForm,
    BaseUserCreationForm,
    PasswordChangeForm,
)
from django.contrib.auth.password_validation import password_validators_help_texts

from marketplace.forms.base import FormMixin
from marketplace.models import User

if TYPE_CHECKING:  # its stub is generic, the class is not
    _Creation = BaseUserCreationForm[User]
else:
    _Creation = BaseUserCreationForm


class SignInForm(FormMixin, AuthenticationForm):
    """Django's: it hashes for unknown addresses too, and answers every failure with the same words."""

    error_messages = {
        "invalid_login": "The e-mail address or the password is wrong.",
        "inactive": "The e-mail address or the password is wrong.",
    }

    username = forms.EmailField(
        label="E-mail address",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )


class SetupForm(FormMixin, _Creation):
    """The first account, which owns the installation."""

    class Meta:
        model = User
        fields = ("email",)
        widgets: ClassVar = {
            "email": forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True})
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _explain(self.fields["password1"], self.fields["password2"])

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()

    def save(self, commit: bool = True) -> User:
        self.instance.is_staff = self.instance.is_superuser = True
        user: User = super().save(commit)
        return user


class PasswordForm(FormMixin, PasswordChangeForm):
    """A new password, against the old one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["old_password"].label = "Current password"
        self.fields["new_password1"].label = "New password"
        _explain(self.fields["new_password1"], self.fields["new_password2"])


def _explain(first: forms.Field, again: forms.Field) -> None:
    """One sentence in place of Django's list, which repeats what the errors say anyway."""
    first.help_text = password_validators_help_texts()[0]
    again.label = "The same again"
    again.help_text = ""
