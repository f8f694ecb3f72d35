"""``manage.py fakeprovider``: a provider for tests, demos and load tests that needs no key and no network."""

from __future__ import annotations

import socket
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from contextlib import suppress
from typing import Any

import uvicorn
from django.core.management.base import BaseCommand, CommandError

from aiproxy.fake import faults
from aiproxy.fake.app import FakeProvider

EXAMPLES = (
    "sandbox",
    "sandbox-embed",
    "fake-fast",
    "fake-slow-2000",
    "fake-chunks-50-pace-50",
    "fake-error-429",
)

HELP = """\
Runs a provider that speaks OpenAI, Anthropic, Gemini, Ollama and Bedrock. Any model name and any key will do.

What goes wrong is asked for by each request, in the model's name (fake-slow-500-chunks-20) or by headers:

{table}
"""


class Command(BaseCommand):
    help = HELP.format(table=faults.table())
    requires_system_checks = ()

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.formatter_class = RawDescriptionHelpFormatter
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=9100)
        parser.add_argument("--host", default="127.0.0.1")

    def handle(self, *args: Any, host: str, port: int, **options: Any) -> None:
        try:
            family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
            listener = socket.create_server((host, port), family=family, backlog=2048)
        except (OSError, OverflowError) as error:
            raise CommandError(f"Cannot listen on {host}:{port}: {error}") from None
        with listener, suppress(KeyboardInterrupt):
            self.announce(host, listener.getsockname()[1])
            # An answer that a fault cuts is no error of ours, so uvicorn's own complaints are left out.
            config = uvicorn.Config(
                FakeProvider(EXAMPLES),
                log_level="critical",
                access_log=False,
                lifespan="off",
                timeout_graceful_shutdown=1,
            )
            uvicorn.Server(config).run(sockets=[listener])

    def announce(self, host: str, port: int) -> None:
        place = f"{f'[{host}]' if ':' in host else host}:{port}"
        self.stdout.write(
            f"Fake provider. Base URLs:\n"
            f"  OpenAI     http://{place}/v1\n"
            f"  Anthropic  http://{place}\n"
            f"  Gemini     http://{place}/v1beta\n"
            f"  Ollama     http://{place}\n"
            f"  Bedrock    http://{place}\n"
            f"The marketplace calls it once AIM_PRIVATE_ENDPOINTS holds {place}. Ctrl-C stops it."
        )
        self.stdout.flush()
