"""Which module may reach for what.

Four packages point one way: marketplace → aiproxy → integrations → providers. Each
rule below is a function from modules to breaches ("path:line: why"), with a test that
runs it over the code, and a planted breach that shows it still bites.
"""

from __future__ import annotations

import ast
import builtins
import functools
import importlib.metadata
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Lowest first: a package may import itself and those before it.
PACKAGES = ("providers", "integrations", "aiproxy", "marketplace")

NETWORK = (
    "aiohttp",
    "asyncio.open_connection",
    "asyncio.open_unix_connection",
    "ftplib",
    "http.client",
    "httpcore",
    "httpcore2",
    "httpx",
    "httpx2",
    "httpx_aiohttp",
    "imaplib",
    "requests",
    "smtplib",
    "socket.create_connection",
    "socket.socket",
    "telnetlib",
    "urllib.request",
    "urllib3",
    "websockets",
    "xmlrpc.client",
)
PROVIDER_SDKS = (
    "anthropic",
    "cohere",
    "google.genai",
    "google.generativeai",
    "groq",
    "litellm",
    "mistralai",
    "ollama",
    "openai",
)
KMS_SDKS = ("boto3", "botocore", "google.cloud", "hvac")
DJANGO = ("django", "django_htmx", "django_ratelimit", "csp", "ninja", "template_partials")
ENVIRONMENT = ("environ", "os.environ", "os.environb", "os.getenv", "os.getenvb", "os.putenv")
PAGES = ("django.forms", "django.shortcuts", "django.template", "django_htmx", "template_partials")
CODE_FROM_DATA = (
    "builtins.eval",
    "builtins.exec",
    "cloudpickle",
    "dill",
    "jsonpickle",
    "marshal",
    "pickle",
    "shelve",
    "yaml.full_load",
    "yaml.load",
    "yaml.load_all",
    "yaml.unsafe_load",
)
PROCESSES = (
    "asyncio.create_subprocess_exec",
    "asyncio.create_subprocess_shell",
    "os.popen",
    "os.posix_spawn",
    "os.startfile",
    "os.system",
    "pty",
    "subprocess",
)

# Path → why it may start a process. Only management commands may ask.
MAY_START_PROCESSES: dict[str, str] = {}

PROVIDERS_WITH_DJANGO = (
    "providers/admin.py",
    "providers/apps.py",
    "providers/checks.py",
    "providers/migrations/",
    "providers/models.py",
    "providers/registry.py",
    "providers/transfer.py",
)
KMS_BACKENDS = ("integrations/encryption/kms/",)
UPSTREAM = ("aiproxy/upstream/",)
STARLETTE_HOMES = ("aiproxy/app.py", "aiproxy/cors/", "aiproxy/endpoints/")


@dataclass(frozen=True)
class Module:
    path: str
    tree: ast.Module

    @property
    def package(self) -> str:
        return self.path.split("/", 1)[0]

    def lies_in(self, places: Iterable[str]) -> bool:
        """Whether this is one of these files, or below one of these folders ("…/")."""
        return any(
            self.path.startswith(place) if place.endswith("/") else self.path == place
            for place in places
        )


@dataclass(frozen=True)
class Import:
    name: str  # with what is taken from it: `from a import b` is "a.b"
    line: int
    where: str = ""  # "inside a function", "under TYPE_CHECKING", or at the top: ""


Rule = Callable[[Iterable[Module]], list[str]]


@functools.cache
def application() -> tuple[Module, ...]:
    return tuple(
        Module(path.relative_to(ROOT).as_posix(), ast.parse(path.read_bytes(), str(path)))
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
    )


def within(name: str, root: str) -> bool:
    return name == root or name.startswith(root + ".")


def first_within(name: str, roots: Iterable[str]) -> str | None:
    return next((root for root in roots if within(name, root)), None)


def imported_names(module: Module, node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        parts = module.path.split("/")
        base = parts[: len(parts) - node.level] if node.level else []
        base += node.module.split(".") if node.module else []
        yield from (".".join([*base, alias.name]) for alias in node.names)
    elif isinstance(node, ast.Call) and node.args:
        function = node.func
        called = getattr(function, "attr", None) or getattr(function, "id", None)
        target = node.args[0]
        if (
            called in {"import_module", "import_string", "__import__"}
            and isinstance(target, ast.Constant)
            and isinstance(target.value, str)
        ):
            yield target.value


def imports(module: Module) -> Iterator[Import]:
    def walk(node: ast.AST, where: str) -> Iterator[Import]:
        for name in imported_names(module, node):
            yield Import(name, node.lineno, where)  # type: ignore[attr-defined] # these three have it
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            where = "inside a function"
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for statement in node.body:
                yield from walk(statement, "under TYPE_CHECKING")
            for statement in node.orelse:
                yield from walk(statement, where)
            return
        for child in ast.iter_child_nodes(node):
            yield from walk(child, where)

    return walk(module.tree, "")


def bindings(module: Module) -> dict[str, str]:
    """Local names of imported things: `import os as o` gives {"o": "os"}."""
    bound = {}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias, name in zip(node.names, imported_names(module, node), strict=True):
                if isinstance(node, ast.Import) and alias.asname is None:
                    name = name.split(".")[0]
                bound[alias.asname or name.rsplit(".", 1)[-1]] = name
    return bound


def uses(module: Module) -> Iterator[tuple[str, int]]:
    """Every imported name, and every builtin or attribute of an import that is used."""
    for imported in imports(module):
        yield imported.name, imported.line
    bound = bindings(module)

    def resolve(node: ast.AST) -> str | None:
        if isinstance(node, ast.Attribute):
            base = resolve(node.value)
            return f"{base}.{node.attr}" if base else None
        if isinstance(node, ast.Name):
            if node.id in bound:
                return bound[node.id]
            return f"builtins.{node.id}" if hasattr(builtins, node.id) else None
        return None

    for node in ast.walk(module.tree):
        if isinstance(node, ast.Name | ast.Attribute) and (name := resolve(node)):
            yield name, node.lineno


def uses_of(roots: Iterable[str], modules: Iterable[Module], why: str) -> list[str]:
    """The first use of each root in each module."""
    found: dict[tuple[str, str], int] = {}
    for module in modules:
        for name, line in uses(module):
            root = first_within(name, roots)
            if root and line < found.get((module.path, root), sys.maxsize):
                found[module.path, root] = line
    return sorted(
        f"{path}:{line}: {root.removeprefix('builtins.')}: {why}"
        for (path, root), line in found.items()
    )


# --- The rules ---


def one_direction(modules: Iterable[Module]) -> list[str]:
    breaches = []
    for module in modules:
        above = PACKAGES[PACKAGES.index(module.package) + 1 :]
        breaches += [
            f"{module.path}:{found.line}: {module.package} must not import {found.name}"
            for found in imports(module)
            if first_within(found.name, above)
        ]
    return breaches


def no_dodged_cycles(modules: Iterable[Module]) -> list[str]:
    """AppConfig.ready() is where Django wants checks and signals imported."""
    return [
        f"{module.path}:{found.line}: {found.name} is imported {found.where}: "
        "something sits too high, move it down"
        for module in modules
        for found in imports(module)
        if found.where
        and first_within(found.name, PACKAGES)
        and not (module.path.endswith("/apps.py") and found.where == "inside a function")
    ]


def providers_stand_alone(modules: Iterable[Module]) -> list[str]:
    return uses_of(
        (*NETWORK, *PROVIDER_SDKS, *KMS_SDKS, "starlette", "uvicorn"),
        [module for module in modules if module.package == "providers"],
        "providers/ is values in, values out",
    )


def django_in_named_provider_files(modules: Iterable[Module]) -> list[str]:
    return uses_of(
        DJANGO,
        [
            module
            for module in modules
            if module.package == "providers" and not module.lies_in(PROVIDERS_WITH_DJANGO)
        ],
        "only these files of providers/ may import Django: " + ", ".join(PROVIDERS_WITH_DJANGO),
    )


def integrations_send_nothing(modules: Iterable[Module]) -> list[str]:
    return uses_of(
        (*NETWORK, *PROVIDER_SDKS),
        [module for module in modules if module.package == "integrations"],
        "integrations/ keeps credentials and sends nothing",
    )


def kms_sdks_in_their_backend(modules: Iterable[Module]) -> list[str]:
    return uses_of(
        KMS_SDKS,
        [module for module in modules if not module.lies_in(KMS_BACKENDS)],
        "a KMS SDK is imported in its one file of integrations/encryption/kms/",
    )


def network_only_upstream(modules: Iterable[Module]) -> list[str]:
    return uses_of(
        (*NETWORK, *PROVIDER_SDKS),
        [module for module in modules if not module.lies_in(UPSTREAM)],
        "only aiproxy/upstream/ opens connections",
    )


def starlette_at_the_door(modules: Iterable[Module]) -> list[str]:
    return uses_of(
        ("starlette",),
        [module for module in modules if not module.lies_in(STARLETTE_HOMES)],
        "Starlette stays in " + ", ".join(STARLETTE_HOMES),
    )


def protocols_know_providers_only(modules: Iterable[Module]) -> list[str]:
    allowed = ("providers", "aiproxy.protocols", "msgspec", "builtins")
    return [
        f"{module.path}:{found.line}: {found.name}: "
        "a protocol knows providers, msgspec and the standard library"
        for module in modules
        if module.lies_in(("aiproxy/protocols/",))
        for found in imports(module)
        if not first_within(found.name, allowed)
        and found.name.split(".")[0] not in sys.stdlib_module_names
    ]


def environment_in_marketplace(modules: Iterable[Module]) -> list[str]:
    return uses_of(
        ENVIRONMENT,
        [module for module in modules if module.package != "marketplace"],
        "only marketplace/ reads the environment; read django.conf.settings here",
    )


def pages_in_marketplace(modules: Iterable[Module]) -> list[str]:
    """Django's own admin needs forms where the admin classes are."""
    return uses_of(
        PAGES,
        [
            module
            for module in modules
            if module.package != "marketplace" and not module.path.endswith("/admin.py")
        ],
        "pages and forms exist only in marketplace/",
    )


def user_through_settings(modules: Iterable[Module]) -> list[str]:
    return uses_of(
        ("django.contrib.auth.models.User",),
        modules,
        "the user model is settings.AUTH_USER_MODEL",
    )


def no_code_from_data(modules: Iterable[Module]) -> list[str]:
    return uses_of(CODE_FROM_DATA, modules, "runs code that came as data")


def no_processes(modules: Iterable[Module]) -> list[str]:
    return uses_of(
        PROCESSES,
        [module for module in modules if module.path not in MAY_START_PROCESSES],
        "the application starts no other programs",
    )


@functools.cache
def declared_requirements() -> frozenset[str]:
    """Distributions in requirements.in, by their normalised names."""
    lines = (ROOT / "requirements.in").read_text().splitlines()
    names = (re.match(r"[A-Za-z0-9._-]+", line) for line in lines)
    return frozenset(normal(name[0]) for name in names if name)


def normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def only_declared_requirements(modules: Iterable[Module]) -> list[str]:
    """A transitive or a development package is not there tomorrow, or in production.

    KMS backends are extras. psycopg brings its pool by an extra of its own.
    """
    distributions = importlib.metadata.packages_distributions()
    known = {*sys.stdlib_module_names, *PACKAGES, "psycopg_pool"}
    return [
        f"{module.path}:{found.line}: {found.name}: not in requirements.in"
        for module in modules
        if not module.lies_in(KMS_BACKENDS)
        for found in imports(module)
        if (root := found.name.split(".")[0]) not in known
        and not declared_requirements() & {normal(name) for name in distributions.get(root, ())}
    ]


# --- The code keeps them ---


def assert_none(breaches: list[str]) -> None:
    assert not breaches, "\n" + "\n".join(breaches)


def test_all_four_packages_are_read():
    assert {module.package for module in application()} == set(PACKAGES)


def test_packages_import_in_one_direction():
    assert_none(one_direction(application()))


def test_no_import_hides_in_a_function_or_under_type_checking():
    assert_none(no_dodged_cycles(application()))


def test_providers_import_no_client_sdk_or_server():
    assert_none(providers_stand_alone(application()))


def test_providers_import_django_in_the_named_files_only():
    assert_none(django_in_named_provider_files(application()))


def test_integrations_send_nothing():
    assert_none(integrations_send_nothing(application()))


def test_kms_sdks_stay_in_their_backend():
    assert_none(kms_sdks_in_their_backend(application()))


def test_only_upstream_opens_connections():
    assert_none(network_only_upstream(application()))


def test_starlette_stays_at_the_door():
    assert_none(starlette_at_the_door(application()))


def test_protocols_know_providers_only():
    assert_none(protocols_know_providers_only(application()))


def test_only_marketplace_reads_the_environment():
    assert_none(environment_in_marketplace(application()))


def test_only_marketplace_has_pages_and_forms():
    assert_none(pages_in_marketplace(application()))


def test_user_model_is_reached_through_settings():
    assert_none(user_through_settings(application()))


def test_nothing_runs_code_that_came_as_data():
    assert_none(no_code_from_data(application()))


def test_nothing_starts_other_programs():
    assert_none(no_processes(application()))


def test_exceptions_for_processes_are_commands_that_still_need_one():
    for path, reason in MAY_START_PROCESSES.items():
        module = next(module for module in application() if module.path == path)
        assert "/management/commands/" in path
        assert reason
        assert uses_of(PROCESSES, [module], ""), f"{path} no longer needs its exception"


def test_third_party_imports_are_declared():
    assert_none(only_declared_requirements(application()))


# --- The rules bite ---

PLANTED: list[tuple[Rule, str, str]] = [
    (one_direction, "providers/chat.py", "import integrations"),
    (one_direction, "integrations/access.py", "from aiproxy.gateway import call"),
    (one_direction, "aiproxy/app.py", "from marketplace import settings"),
    (one_direction, "providers/a/b.py", "from ...aiproxy import app"),
    (one_direction, "providers/a/__init__.py", "from .. import x\nimport aiproxy as y"),
    (one_direction, "providers/chat.py", "def f():\n    from marketplace.models import User"),
    (one_direction, "providers/chat.py", "import importlib\nimportlib.import_module('aiproxy.x')"),
    (one_direction, "providers/chat.py", "if TYPE_CHECKING:\n    import integrations.access"),
    (no_dodged_cycles, "aiproxy/x.py", "async def f():\n    from aiproxy.gateway import call"),
    (no_dodged_cycles, "aiproxy/x.py", "if typing.TYPE_CHECKING:\n    from .gateway import call"),
    (no_dodged_cycles, "aiproxy/apps.py", "if TYPE_CHECKING:\n    from . import checks"),
    (providers_stand_alone, "providers/adapters/openai.py", "import openai"),
    (providers_stand_alone, "providers/models.py", "import httpx"),
    (providers_stand_alone, "providers/auth.py", "from urllib import request"),
    (providers_stand_alone, "providers/auth.py", "from starlette.responses import Response"),
    (django_in_named_provider_files, "providers/chat.py", "from django.conf import settings"),
    (django_in_named_provider_files, "providers/adapters/models.py", "import django.db"),
    (integrations_send_nothing, "integrations/credentials.py", "import http.client"),
    (integrations_send_nothing, "integrations/x.py", "import socket as s\ns.create_connection(1)"),
    (kms_sdks_in_their_backend, "integrations/credentials.py", "import boto3"),
    (network_only_upstream, "aiproxy/gateway/retry.py", "import httpx"),
    (network_only_upstream, "aiproxy/probe.py", "import asyncio\nasyncio.open_connection('h', 1)"),
    (network_only_upstream, "marketplace/views/home.py", "from aiohttp import ClientSession"),
    (starlette_at_the_door, "aiproxy/gateway/call.py", "from starlette import requests"),
    (starlette_at_the_door, "marketplace/asgi.py", "import starlette.applications"),
    (protocols_know_providers_only, "aiproxy/protocols/openai.py", "from aiproxy import errors"),
    (protocols_know_providers_only, "aiproxy/protocols/openai.py", "from ..gateway import call"),
    (protocols_know_providers_only, "aiproxy/protocols/native.py", "import integrations"),
    (protocols_know_providers_only, "aiproxy/protocols/native.py", "import django"),
    (environment_in_marketplace, "aiproxy/app.py", "import os\nkey = os.environ['KEY']"),
    (environment_in_marketplace, "integrations/x.py", "from os import getenv as g"),
    (environment_in_marketplace, "providers/registry.py", "import environ"),
    (pages_in_marketplace, "integrations/models/token.py", "from django import forms"),
    (pages_in_marketplace, "aiproxy/endpoints/native.py", "import django.shortcuts"),
    (user_through_settings, "integrations/x.py", "from django.contrib.auth.models import User"),
    (no_code_from_data, "providers/adapters/custom.py", "def f(x):\n    return eval(x)"),
    (no_code_from_data, "providers/x.py", "import builtins\nbuiltins.exec('1')"),
    (no_code_from_data, "aiproxy/gateway/cache.py", "import pickle"),
    (no_code_from_data, "providers/transfer.py", "import yaml\nyaml.load(text)"),
    (no_processes, "marketplace/views/home.py", "from subprocess import run"),
    (no_processes, "marketplace/management/commands/serve.py", "import os\nos.system('x')"),
    (only_declared_requirements, "aiproxy/upstream/client.py", "import httpx2"),
    (only_declared_requirements, "aiproxy/app.py", "def f():\n    import no_such_package"),
]

ALLOWED: list[tuple[Rule, str, str]] = [
    (one_direction, "marketplace/views/home.py", "from aiproxy import probe\nimport providers"),
    (one_direction, "providers/a/b.py", "from ..chat import Message\nimport aiproxying"),
    (
        no_dodged_cycles,
        "integrations/apps.py",
        "class A:\n    def ready(self):\n        import aiproxy",
    ),
    (no_dodged_cycles, "integrations/encryption/kms/aws.py", "def f():\n    import boto3"),
    (no_dodged_cycles, "aiproxy/x.py", "if not DEBUG:\n    from aiproxy import app"),
    (
        providers_stand_alone,
        "providers/endpoint.py",
        "import urllib.parse, http, socket, ipaddress",
    ),
    (django_in_named_provider_files, "providers/migrations/0001_initial.py", "import django.db"),
    (kms_sdks_in_their_backend, "integrations/encryption/kms/aws.py", "import boto3"),
    (network_only_upstream, "aiproxy/upstream/client.py", "import httpx, httpx_aiohttp, aiohttp"),
    (network_only_upstream, "aiproxy/app.py", "def f(httpx, requests):\n    requests.get(httpx)"),
    (protocols_know_providers_only, "aiproxy/protocols/openai.py", "import json, msgspec"),
    (protocols_know_providers_only, "aiproxy/protocols/openai.py", "from .base import Protocol"),
    (environment_in_marketplace, "aiproxy/app.py", "import os\nos.path.join(environ.x)"),
    (environment_in_marketplace, "marketplace/settings.py", "import environ"),
    (user_through_settings, "marketplace/models.py", "from django.contrib.auth.models import *"),
    (no_code_from_data, "aiproxy/gateway/limits.py", "await redis.eval(script)"),
    (no_code_from_data, "providers/x.py", "import yaml, re\nyaml.safe_load(re.compile('x'))"),
    (only_declared_requirements, "aiproxy/x.py", "import json, msgspec, django.db, environ, csp"),
]


def plant(path: str, source: str) -> list[Module]:
    return [Module(path, ast.parse(source))]


@pytest.mark.parametrize(("rule", "path", "source"), PLANTED)
def test_planted_breach_is_found_at_its_line(rule, path, source):
    breaches = rule(plant(path, source))
    assert len(breaches) == 1
    assert breaches[0].startswith(f"{path}:{len(source.splitlines())}: ")


@pytest.mark.parametrize(("rule", "path", "source"), ALLOWED)
def test_what_is_allowed_is_left_alone(rule, path, source):
    assert rule(plant(path, source)) == []


def test_every_rule_has_a_planted_breach():
    tested = {rule for rule, _, _ in PLANTED}
    rules = {
        value
        for value in globals().values()
        if callable(value) and getattr(value, "__annotations__", {}).get("modules")
    }
    assert rules - {uses_of} == tested
