"""`manage.py integration add`: connect a provider without a browser, for scripts and containers."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from aiproxy import probe
from aiproxy.probe import Outcome
from aiproxy.upstream.client import at_hand
from integrations import live
from integrations.actions import integrations as actions
from integrations.actions.integrations import IntegrationInput
from integrations.audit import SYSTEM
from integrations.live import Connection
from integrations.models import Integration
from marketplace.management.console import account, refusals

GOOD_ENOUGH = frozenset({"ok", "not_checkable", "rate_limited"})
"""Results of a test that do not speak against the key."""


class Command(BaseCommand):
    help = "Connect an AI provider for an account."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        add = verbs.add_parser("add", help="test a key and store it")
        add.add_argument("--user", required=True, metavar="EMAIL", help="whose integration it is")
        add.add_argument("--provider", required=True, help="the provider's id, for example openai")
        add.add_argument("--name", default="", help="what to call it (the provider's name)")
        add.add_argument(
            "--base-url", default="", help="address, where it is not the provider's own"
        )
        add.add_argument("--model", default="", help="default model")
        add.add_argument(
            "--key-stdin", action="store_true", help="read the key from standard input"
        )
        add.add_argument(
            "--no-test", action="store_true", help="store it without a connection test"
        )
        add.add_argument("--json", action="store_true", help="print the integration as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        owner = account(options["user"])
        data = IntegrationInput(
            name=options["name"],
            base_url=options["base_url"],
            model=options["model"],
            key=sys.stdin.readline().strip() if options["key_stdin"] else "",
        )
        with refusals():
            connection = live.draft(owner, options["provider"], data)
            outcome = None if options["no_test"] else asyncio.run(tested(connection))
            if outcome is not None and outcome.result not in GOOD_ENOUGH:
                raise CommandError(
                    f"{outcome.message}\nNothing was stored. --no-test stores it without a test."
                )
            integration = actions.create(SYSTEM, owner, options["provider"], data)
            if outcome is not None:
                integration = actions.record_test(integration, outcome.result, outcome.message)
        self.stdout.write(json.dumps(facts(integration)) if options["json"] else line(integration))


async def tested(connection: Connection) -> Outcome:
    async with at_hand() as upstream:
        return await probe.test(upstream, connection)


def facts(integration: Integration) -> dict[str, Any]:
    """The names are those of ``/api/integrations``."""
    return {
        "id": str(integration.pk),
        "name": integration.name,
        "providerId": integration.provider_id,
        "providerName": integration.provider_name,
        "apiKey": integration.masked_key,
        "apiKeyType": integration.api_key_type,
        "baseUrl": integration.endpoint.url,
        "model": integration.model,
        "enabled": integration.enabled,
        "testResult": integration.test_result or None,
        "testMessage": integration.test_message,
    }


def line(integration: Integration) -> str:
    said = f" {integration.test_message}" if integration.test_message else ""
    return f"{integration.name} is connected (id {integration.pk}).{said}"
