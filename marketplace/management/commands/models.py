"""`manage.py models refresh`: bring the models of the catalogue up to date, from lists that others keep."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from aiproxy import probe
from aiproxy.upstream.client import Upstream, at_hand
from aiproxy.upstream.fetch import fetch
from integrations import live
from integrations.actions import providers as actions
from integrations.audit import SYSTEM
from integrations.live import Connection
from integrations.models import Integration
from marketplace.management.console import refusals
from providers import model_lists, registry
from providers.catalogue.loader import BadProvider
from providers.catalogue.spec import ModelSpec, ProviderSpec
from providers.endpoint import BadEndpoint
from providers.errors import CallError
from providers.model_lists import BadList, Finding
from providers.models import CustomModel
from providers.registry import catalogue


@dataclass(frozen=True, slots=True)
class Told:
    """The providers' own lists, and the document's, by provider; ``failed`` says whose list could not be had."""

    own: dict[str, list[ModelSpec]]
    document: dict[str, list[ModelSpec]]
    failed: dict[str, str]


class Command(BaseCommand):
    help = "Bring the catalogue's models up to date."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        refresh = verbs.add_parser(
            "refresh",
            help="add what the lists of administrators' providers, and a document like models.dev's, tell",
        )
        refresh.add_argument(
            "--provider",
            action="append",
            default=[],
            metavar="ID",
            help="only this one; may be repeated",
        )
        refresh.add_argument(
            "--from",
            dest="source",
            default="",
            metavar="FILE-OR-URL",
            help="a document in the shape of https://models.dev/api.json",
        )
        refresh.add_argument("--dry-run", action="store_true", help="only say what would change")
        refresh.add_argument("--json", action="store_true", help="print what changes as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        with refusals():
            registry.reload()
            specs = _wanted(options["provider"])
            told = _ask(specs, options["source"])
            findings = [finding for spec in specs for finding in _compared(spec, told)]
            if not options["dry_run"]:
                _write(findings)
        failures = told.failed.items()
        if options["json"]:
            facts = [_facts(finding) for finding in findings]
            self.stdout.write(json.dumps({"findings": facts, "failed": told.failed}, indent=1))
            return
        for name, problem in failures:
            self.stderr.write(f"{name}: {problem}")
        for finding in findings:
            self.stdout.write(_line(finding))
        self.stdout.write(_summary(findings, dry_run=options["dry_run"]))


def _wanted(names: Collection[str]) -> list[ProviderSpec]:
    for name in names:
        if name not in catalogue():
            raise CommandError(f"There is no provider {name}.")
    return [
        spec
        for spec in catalogue()
        if spec.callable and spec.deployment == "hosted" and (not names or spec.id in names)
    ]


def _ask(specs: Iterable[ProviderSpec], source: str) -> Told:
    """Everybody at once."""
    connections, failed = _connections({spec.id for spec in specs})
    ids = {spec.id: spec.ids["models_dev"] for spec in specs if "models_dev" in spec.ids}
    today = timezone.now().date()
    remote = source.startswith(("https://", "http://"))
    kept = b"" if remote or not source else _file(source)

    async def ask() -> Told:
        async with at_hand() as upstream:
            answers = await asyncio.gather(*(_own_list(upstream, one) for one in connections))
            document = await _download(upstream, source) if remote else kept
        own = {}
        for connection, answer in zip(connections, answers, strict=True):
            provider = connection.provider
            if isinstance(answer, CallError):
                failed[provider.id] = answer.message
            else:
                own[provider.id] = model_lists.of_provider(answer, provider.name, today)
        return Told(own, _read(document, ids, source, today) if source else {}, failed)

    return asyncio.run(ask())


def _connections(providers: Collection[str]) -> tuple[list[Connection], dict[str, str]]:
    """An administrator's oldest enabled integration of each provider, at the provider's own address: what answers at
    another one is not everybody's. And why there is none where its key cannot be used.
    """
    rows = Integration.objects.filter(
        owner__is_superuser=True, owner__is_active=True, enabled=True, base_url=""
    )
    found: dict[str, Connection] = {}
    failed: dict[str, str] = {}
    for row in rows.filter(provider_id__in=providers).order_by("created_at"):
        spec = catalogue()[row.provider_id]
        if row.provider_id in found or "{" in spec.base_url:
            continue
        try:
            found[row.provider_id] = live.connect(row)
        except (BadEndpoint, KeyError):
            failed[row.provider_id] = f"The integration {row.name} cannot be called."
    return list(found.values()), failed


async def _own_list(
    upstream: Upstream, connection: Connection
) -> tuple[ModelSpec, ...] | CallError:
    try:
        return await probe.list_models(upstream, connection)
    except CallError as error:
        return error


async def _download(upstream: Upstream, url: str) -> bytes:
    try:
        return await fetch(upstream, url)
    except CallError as error:
        raise CommandError(error.message) from None


def _file(source: str) -> bytes:
    try:
        return Path(source).read_bytes()
    except OSError as error:
        raise CommandError(f"{source} cannot be read: {error.strerror}") from None


def _read(
    document: bytes, ids: dict[str, str], source: str, today: date
) -> dict[str, list[ModelSpec]]:
    name = source.partition("://")[2] or Path(source).name
    try:
        return model_lists.of_models_dev(document, ids, name[:200], today)
    except BadList as error:
        raise CommandError(f"{source}: {error}") from None


def _compared(spec: ProviderSpec, told: Told) -> list[Finding]:
    earlier: dict[str, ModelSpec] = {}
    own: dict[str, ModelSpec] = {}
    for row in CustomModel.objects.filter(provider_id=spec.id):
        (earlier if row.listed else own)[row.model_id] = _spec(row)
    base = registry.without_rows().get(spec.id)
    models = base.models if base else spec.models
    shipped = {model.id: model for model in models if base or model.id not in {*earlier, *own}}
    found = model_lists.merged(told.own.get(spec.id, []), told.document.get(spec.id, []))
    return model_lists.compared(spec.id, found, shipped, own, earlier)


def _spec(row: CustomModel) -> ModelSpec:
    """A row that is broken says nothing, but it is there."""
    try:
        return row.to_spec()
    except BadProvider:
        return ModelSpec(id=row.model_id)


def _write(findings: Iterable[Finding]) -> None:
    by_provider: dict[str, list[ModelSpec]] = {}
    for finding in findings:
        if finding.verdict in ("new", "changed"):
            by_provider.setdefault(finding.provider_id, []).append(finding.model)
    for provider_id, models in by_provider.items():
        actions.adopt_models(SYSTEM, provider_id, models)


def _facts(finding: Finding) -> dict[str, Any]:
    return {
        "provider": finding.provider_id,
        "verdict": finding.verdict,
        "differences": finding.differences,
        "model": msgspec.to_builtins(finding.model),
    }


_SAID = {
    "new": "+ {name}",
    "changed": "~ {name}: {differences}",
    "kept": "  {name} is an administrator’s and stays; the list has {differences}",
    "shipped": "  {name} is shipped and stays; the list has {differences}",
}


def _line(finding: Finding) -> str:
    name = f"{finding.provider_id}/{finding.model.id}"
    if finding.verdict == "new" and finding.model.price is None:
        name += " (unpriced)"
    return _SAID[finding.verdict].format(name=name, differences=", ".join(finding.differences))


def _summary(findings: Collection[Finding], *, dry_run: bool) -> str:
    new = sum(finding.verdict == "new" for finding in findings)
    changed = sum(finding.verdict == "changed" for finding in findings)
    stay = len(findings) - new - changed
    said = f"New: {new}. Changed: {changed}. Different, but left as they are: {stay}."
    return f"{said} Nothing was written." if dry_run else said
