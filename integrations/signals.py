"""What custody does when an account appears, changes or goes."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models.signals import post_delete, post_save

from integrations.actions.change import change
from integrations.actions.integrations import ensure_sandbox


def connect() -> None:
    post_save.connect(saved, sender=settings.AUTH_USER_MODEL, dispatch_uid="custody-account-saved")
    post_delete.connect(gone, sender=settings.AUTH_USER_MODEL, dispatch_uid="custody-account-gone")


def saved(
    instance: AbstractBaseUser, created: bool, raw: bool, update_fields: Any = None, **_: Any
) -> None:
    """A new account gets its sandbox; a changed one (no longer active?) is read afresh by every process."""
    if raw or (update_fields and set(update_fields) <= {"last_login", "password"}):
        return
    if created:
        ensure_sandbox(instance)
        return
    with change():
        pass


def gone(**_: Any) -> None:
    with change():
        pass
