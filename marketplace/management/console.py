"""What commands that act for an account share: finding it, and refusals in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.db import DatabaseError

from integrations import live
from integrations.errors import KeyRingError
from marketplace.models import User


def account(email: str) -> User:
    try:
        return User.objects.get_by_natural_key(email)
    except User.DoesNotExist:
        raise CommandError(
            f"There is no account {email}. Make it with: manage.py createsuperuser --email {email}"
        ) from None


@contextmanager
def refusals() -> Iterator[None]:
    """What can be wrong with the input, the keys or the database, as a CommandError that names it."""
    try:
        live.look()  # also at what administrators added to the catalogue
        yield
    except ValidationError as error:
        lines = (f"{name}: {' '.join(found)}" for name, found in error.message_dict.items())
        raise CommandError("\n".join(lines)) from None
    except KeyRingError as error:
        raise CommandError(str(error)) from None
    except DatabaseError as error:
        raise CommandError(f"The database cannot be used: {error}".strip()) from None
