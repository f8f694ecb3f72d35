"""The only writer of aliases. Each action is one transaction with one audit event.

``admin`` is who it is done for, and must be an administrator; raises NotAllowed. Bad input raises ValidationError
with the keys name, description, strategy and targets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser

from aiproxy.gateway import aliases
from aiproxy.gateway.aliases import Step
from aiproxy.models import Alias
from integrations import access, audit, rules
from integrations.actions.change import change
from integrations.audit import Act, Actor
from integrations.models import Integration
from integrations.rules import Problems
from providers.registry import catalogue

MAX_TARGETS, MAX_DESCRIPTION, MAX_WEIGHT = 20, 500, 1_000
_NAME = re.compile(r"[a-z0-9]+([._-][a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class AliasInput:
    """None leaves a value as it is. ``targets`` are as ``Alias.targets`` holds them; ``strategy`` is one of
    ``Alias.STRATEGIES``.
    """

    name: str | None = None
    description: str | None = None
    targets: Iterable[Mapping[str, Any]] | None = None
    strategy: str | None = None


def create_alias(actor: Actor, admin: AbstractBaseUser, data: AliasInput) -> Alias:
    access.need_administrator(admin)
    with change(aliases):
        alias = Alias(name="", targets=[])
        _apply(alias, data)
        alias.save(force_insert=True)
        audit.record(actor, Act.ALIAS_CREATED, alias, _shown(alias))
    return alias


def edit_alias(actor: Actor, admin: AbstractBaseUser, alias: Alias, data: AliasInput) -> Alias:
    """Change what ``data`` gives."""
    access.need_administrator(admin)
    with change(aliases):
        stored = Alias.objects.select_for_update().get(pk=alias.pk)
        _apply(stored, data)
        stored.save()
        audit.record(actor, Act.ALIAS_EDITED, stored, _shown(stored))
    return stored


def delete_alias(actor: Actor, admin: AbstractBaseUser, alias: Alias) -> None:
    """Whoever still asks for it gets an error that says there is no such model."""
    access.need_administrator(admin)
    with change(aliases):
        stored = Alias.objects.select_for_update().get(pk=alias.pk)
        audit.record(actor, Act.ALIAS_DELETED, stored)
        stored.delete()


def _apply(alias: Alias, data: AliasInput) -> None:
    problems = Problems()
    if data.name is not None or not alias.name:
        alias.name = _name(alias, data.name or "", problems)
    if data.description is not None:
        alias.description = rules.line("description", data.description, MAX_DESCRIPTION, problems)
    if data.strategy is not None:
        alias.strategy = _strategy(data.strategy, problems)
    if data.targets is not None or not alias.targets:
        alias.targets = _targets(data.targets or (), problems)
    if alias.strategy == Alias.WEIGHTED and not any(t.get("weight", 1) for t in alias.targets):
        problems.add("targets", "Give at least one model a weight above 0.")
    problems.raise_if_any()


def _strategy(text: str, problems: Problems) -> str:
    if text not in Alias.STRATEGIES:
        problems.add("strategy", f"Choose from {', '.join(Alias.STRATEGIES)}.")
    return text


def _targets(given: Iterable[Mapping[str, Any]], problems: Problems) -> list[dict[str, Any]]:
    steps = [_step(target, problems) for target in given]
    if not steps:
        problems.add("targets", "Give at least one model that it stands for.")
    elif len(steps) > MAX_TARGETS:
        problems.add("targets", f"Give at most {MAX_TARGETS} models.")
    once: dict[str, Step] = {}
    for step in filter(None, steps):
        if once.setdefault(str(step), step) != step:
            problems.add("targets", f"{step} stands there twice, with different weights.")
    return [step.to_json() for step in once.values()]


def _name(alias: Alias, text: str, problems: Problems) -> str:
    name = rules.line("name", text, rules.MAX_NAME, problems)
    if not _NAME.fullmatch(name):
        problems.add("name", "Use lower-case letters and digits, joined by single . _ or -.")
    elif Alias.objects.filter(name=name).exclude(pk=alias.pk).exists():
        problems.add("name", f"There is already an alias {name!r}.")
    return name


def _step(target: Mapping[str, Any], problems: Problems) -> Step | None:
    model = str(target.get("model") or "").strip()
    if not model or len(model) > rules.MAX_MODEL or not model.isprintable():
        problems.add("targets", "Give each target the model, as its provider writes it.")
        return None
    if bool(target.get("provider")) == bool(target.get("integrationId")):
        problems.add("targets", "Give each target either a provider or an integrationId.")
        return None
    weight = 1 if target.get("weight") is None else target["weight"]
    if type(weight) is not int or not 0 <= weight <= MAX_WEIGHT:
        problems.add("targets", f"Give weights as whole numbers between 0 and {MAX_WEIGHT}.")
        return None
    place = {name: target[name] for name in ("provider", "integrationId") if target.get(name)}
    try:
        step = Step.from_json({**place, "model": model, "weight": weight})
    except ValueError:
        problems.add("targets", f"{target['integrationId']} is not the id of an integration.")
        return None
    if step.provider and step.provider not in catalogue():
        problems.add("targets", f"There is no provider {step.provider!r} in the catalogue.")
    elif step.integration_id and not Integration.objects.filter(pk=step.integration_id).exists():
        problems.add("targets", f"There is no integration {step.integration_id}.")
    return step


def _shown(alias: Alias) -> dict[str, Any]:
    steps = map(Step.from_json, alias.targets)
    weighted = alias.strategy == Alias.WEIGHTED
    shown = [f"{step} ×{step.weight}" if weighted else str(step) for step in steps]
    return {"strategy": alias.strategy, "targets": shown}
