"""`manage.py token create`: an access token without a browser, for scripts and containers."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from integrations import access
from integrations.actions import tokens as actions
from integrations.audit import SYSTEM
from integrations.models import Integration
from integrations.tokens import SCOPES
from marketplace.management.console import account, refusals
from marketplace.models import User


class Command(BaseCommand):
    help = "Issue an access token for an account."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        create = verbs.add_parser("create", help="issue a token; it is shown this once")
        create.add_argument("--user", required=True, metavar="EMAIL", help="whose token it is")
        create.add_argument("--name", required=True, help="what will use it")
        create.add_argument(
            "--scopes", required=True, help=f"joined by commas: {', '.join(SCOPES)}"
        )
        create.add_argument(
            "--days",
            type=int,
            default=actions.DEFAULT_LIFE.days,
            help=f"how long it lives, up to {actions.LONGEST_LIFE.days}; 0 is for ever (%(default)s)",
        )
        create.add_argument(
            "--integration",
            action="append",
            default=[],
            metavar="ID",
            help="allow only this one; may be given several times (all)",
        )
        create.add_argument("--json", action="store_true", help="print the token as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        owner = account(options["user"])
        with refusals():
            token, text = actions.issue(
                SYSTEM,
                owner,
                name=options["name"],
                scopes=[scope.strip() for scope in options["scopes"].split(",") if scope.strip()],
                expires_at=expiry(options["days"]),
                integrations=[chosen(owner, id) for id in options["integration"]],
            )
        if not options["json"]:
            self.stdout.write(text.plain())
            return
        facts = {
            "id": str(token.pk),
            "name": token.name,
            "token": text.plain(),
            "scopes": token.scopes,
            "integrations": [str(one.pk) for one in token.integrations.all()],
            "expiresAt": token.expires_at.isoformat() if token.expires_at else None,
        }
        self.stdout.write(json.dumps(facts))


def expiry(days: int) -> datetime | None:
    if not 0 <= days <= actions.LONGEST_LIFE.days:
        raise ValidationError({"days": [f"Choose 0 to {actions.LONGEST_LIFE.days}."]})
    return timezone.now() + timedelta(days=days) if days else None


def chosen(owner: User, id: str) -> Integration:
    try:
        return access.get_integration(owner, id)
    except Integration.DoesNotExist:
        raise ValidationError({"integration": [f"{owner} has no integration {id}."]}) from None
