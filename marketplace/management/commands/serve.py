"""`manage.py serve`: everything a first run needs, then the server, in one command and one line of output."""

from __future__ import annotations

import errno
import os
import signal
import socket
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from integrations.errors import KeyRingError
from marketplace import first_run, server, start
from marketplace.protocol import Listener, drop_the_gone
from marketplace.server import BACKLOG, Server
from marketplace.settings import MOST_WORKERS, bound_to
from marketplace.supervisor import CannotStart, Supervisor


class Command(BaseCommand):
    help = "Set up what is missing and run the server."
    # What can be wrong is found below and said in one sentence; the full checks are `manage.py check`.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--host", default=settings.AIM_HOST, help="address to listen on (AIM_HOST)"
        )
        parser.add_argument("--port", default=settings.AIM_PORT, type=int, help="port (AIM_PORT)")
        parser.add_argument(
            "--workers", default=settings.AIM_WORKERS, type=int, help="processes (AIM_WORKERS)"
        )

    def handle(self, *args: Any, host: str, port: int, workers: int, **options: Any) -> None:
        if not 1 <= workers <= MOST_WORKERS:
            raise CommandError(f"--workers must lie between 1 and {MOST_WORKERS}, not {workers}.")
        os.umask(0o077)  # the database and whatever else is made is for this user alone
        with listen(host, port) as listener:
            # Also for processes that this one starts, and before anything has read a setting.
            os.environ.update(AIM_HOST=host, AIM_PORT=str(port), AIM_WORKERS=str(workers))
            for name, value in {**bound_to(host, port), "AIM_WORKERS": workers}.items():
                setattr(settings, name, value)
            try:
                start.prepare()
                self.run(listener, workers, invitation())
            except KeyboardInterrupt:
                return
            except KeyRingError as error:
                raise CommandError(str(error)) from None
            except DatabaseError as error:
                raise CommandError(f"The database cannot be used: {error}".strip()) from None
            except OSError as error:
                raise CommandError(f"The server cannot start: {error}") from None

    def run(self, listener: Listener, workers: int, line: str) -> None:
        if workers > 1:
            start.let_go_of_database()
            try:
                return Supervisor(listener, workers).run(lambda: self.say(line))
            except CannotStart:
                raise CommandError("A worker could not start. The log above says why.") from None
        # After a clean stop uvicorn raises the signal again, for the handlers it found. These let us exit with 0.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        return Server(server.config(), lambda: self.say(line)).run(sockets=[listener])

    def say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def invitation() -> str:
    """The one line to print: how to make the first account, or where the server is."""
    if first_run.needed():
        link = f"{settings.AIM_PUBLIC_URL}/setup/{first_run.new_token()}/"
        return f"Open {link} to create the first account (the link works once)."
    first_run.forget()
    return f"AI Integration Marketplace is running on {settings.AIM_PUBLIC_URL} (Ctrl-C stops it)"


def listen(host: str, port: int) -> Listener:
    """A socket bound to the address, or a CommandError that says what to do."""
    if not 0 < port < 65536:
        raise CommandError(f"{port} is not a port. Choose one between 1 and 65535.")
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except socket.gaierror:
        raise CommandError(f"{host} is not an address of this machine.") from None
    except OSError as error:
        raise CommandError(_why_not(error, host, port)) from None
    drop_the_gone(listener)
    return listener


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is in use. Stop what listens there, or choose another port: make run PORT={port + 1}"
    if error.errno == errno.EACCES:
        return f"This user may not listen on port {port}. Choose one above 1023."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is not an address of this machine."
    return f"Cannot listen on {host}:{port}: {error.strerror}."
