"""Lists of models from elsewhere, and what they would change here. Pure: the day is a parameter.

Two kinds are read: what a provider's own list says (ModelSpecs of its adapter), and a document in the shape of
models.dev's ``api.json``. Each figure keeps the name of its list and the day; a price that is not said, or that our
prices cannot express, stays unknown.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal

import msgspec

from providers.adapters.reading import as_dict, as_int, as_list, as_str
from providers.catalogue.spec import Feature, ModelSpec, PriceData, TierData

Json = dict[str, Any]

Verdict = Literal["new", "changed", "kept", "shipped"]

CARRIED = ("chat", "embedding")
"""Kinds of models that the gateway can call; others are passed over."""


LONGEST_ID = 200
LEAST, MOST = Decimal("0.000001"), Decimal(1_000_000)
"""What a million tokens may cost; anything else is a mistake."""


class BadList(ValueError):
    """The document is not what it should be; the message says why."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One model of a list that is not here as the list has it.

    ``new`` and ``changed`` ones are to be written as ``model`` says; ``kept`` (an administrator's own) and ``shipped``
    (the catalogue's data) ones stay as they are. ``differences`` are ``figure: ours → theirs``.
    """

    provider_id: str
    model: ModelSpec
    verdict: Verdict
    differences: tuple[str, ...] = ()


def of_provider(models: Iterable[ModelSpec], name: str, today: date) -> list[ModelSpec]:
    """A provider's own list, without what the gateway cannot call."""
    return [
        msgspec.structs.replace(model, source=f"{name}’s own list", checked=today)
        for model in models
        if _can_be_called(model)
    ]


def of_models_dev(
    text: bytes, ids: Mapping[str, str], source: str, today: date
) -> dict[str, list[ModelSpec]]:
    """The models of each provider in ``ids`` (ours to their name of it), without deprecated ones. Raises BadList."""
    try:
        data = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError):
        raise BadList("It is not JSON.") from None
    if not any(as_dict(as_dict(data).get(theirs)).get("models") for theirs in ids.values()):
        raise BadList("It holds none of the providers here, in the shape of models.dev’s api.json.")
    found = {}
    for ours, theirs in ids.items():
        items = map(as_dict, as_dict(as_dict(data.get(theirs)).get("models")).values())
        models = [_model(item, source, today) for item in items if _is_offered(item)]
        found[ours] = [model for model in models if _can_be_called(model)]
    return found


def merged(own: Iterable[ModelSpec], other: Iterable[ModelSpec]) -> list[ModelSpec]:
    """Two lists of one provider's models as one. What the provider itself says of a model wins."""
    found = {model.id: model for model in other}
    for model in own:
        said = found.get(model.id)
        found[model.id] = overlaid(said, model) if said else model
    return list(found.values())


def overlaid(old: ModelSpec, new: ModelSpec) -> ModelSpec:
    """``old`` with every figure that ``new`` says. Which names stand as sources follows from what was used."""
    limits = {
        name: getattr(new, name) or getattr(old, name)
        for name in ("name", "context", "max_output", "dimensions")
    }
    told = any(getattr(new, name) for name in limits)
    sources = dict.fromkeys((f"{new.source}; {old.source}" if told else old.source).split("; "))
    return msgspec.structs.replace(
        old,
        **limits,
        # Providers' own lists name some abilities only, so the longer of two is the more telling.
        capabilities=max(new.capabilities, old.capabilities, key=len),
        price=new.price or old.price,
        source="; ".join(filter(None, sources)),
        checked=new.checked if told else old.checked,
    )


def compared(
    provider_id: str,
    found: Iterable[ModelSpec],
    shipped: Mapping[str, ModelSpec],
    own: Mapping[str, ModelSpec],
    earlier: Mapping[str, ModelSpec],
) -> list[Finding]:
    """What of ``found`` is not here yet: beside the catalogue's data, administrators' ``own`` models, and those
    that came from lists ``earlier``.
    """
    findings = []
    for model in found:
        if known := shipped.get(model.id) or own.get(model.id):
            verdict: Verdict = "shipped" if model.id in shipped else "kept"
            if differences := _differences(known, model):
                findings.append(Finding(provider_id, model, verdict, differences))
        elif before := earlier.get(model.id):
            if differences := _differences(before, model):
                now = overlaid(before, model)
                findings.append(Finding(provider_id, now, "changed", differences))
        else:
            findings.append(Finding(provider_id, model, "new"))
    return findings


def as_row(model: ModelSpec) -> dict[str, Any]:
    """``model`` as rows hold it: only what is known."""
    row: dict[str, Any] = _known(msgspec.to_builtins(model))
    return row


def _known(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: _known(item) for name, item in value.items() if item not in (None, "", 0, [], {})}


def _can_be_called(model: ModelSpec) -> bool:
    return model.kind in CARRIED and len(model.id) <= LONGEST_ID and model.id.isprintable()


def _differences(ours: ModelSpec, theirs: ModelSpec) -> tuple[str, ...]:
    """Only what the list says counts: an unknown limit does not contradict a known one."""
    pairs = [
        (name, getattr(ours, name), getattr(theirs, name)) for name in ("context", "max_output")
    ]
    if theirs.price is not None:
        for name in ("input", "output", "cache_read", "cache_write"):
            old = getattr(ours.price, name, "") or ""
            new = getattr(theirs.price, name)
            pairs.append((f"price.{name}", _figure(old), _figure(new)))
    return tuple(
        f"{name}: {old or 'unknown'} → {new}" for name, old, new in pairs if new and old != new
    )


def _figure(text: str) -> str:
    """The same amount is the same text: ``0.50`` is ``0.5``."""
    return f"{Decimal(text).normalize():f}" if text else ""


# --- models.dev -----------------------------------------------------------------------------------


def _is_offered(item: Json) -> bool:
    return bool(as_str(item.get("id"))) and item.get("status") != "deprecated"


def _model(item: Json, source: str, today: date) -> ModelSpec:
    limit, name = as_dict(item.get("limit")), as_str(item.get("id"))
    outputs = as_list(as_dict(item.get("modalities")).get("output"))
    embeds = "embed" in name.lower()
    return ModelSpec(
        id=name,
        name=as_str(item.get("name")),
        kind="embedding" if embeds else "chat" if "text" in outputs else "other",
        context=as_int(limit.get("context")),
        max_output=0 if embeds else as_int(limit.get("output")),
        capabilities=("embeddings",) if embeds else _capabilities(item),
        price=_price(as_dict(item.get("cost")), source, today),
        source=source,
        checked=today,
    )


def _capabilities(item: Json) -> tuple[Feature, ...]:
    found: list[Feature] = ["chat", "streaming"]
    if item.get("tool_call") is True:
        found.append("tools")
    if "image" in as_list(as_dict(item.get("modalities")).get("input")):
        found.append("vision")
    if item.get("reasoning") is True:
        found.append("reasoning")
    if item.get("structured_output") is True:
        found.append("structured_output")
    return tuple(found)


def _price(said: Json, source: str, today: date) -> PriceData | None:
    """None where nothing is said, nothing is charged (a promotion is no price), or it is more than we can express."""
    if not _amount(said, "input") or _amount(said, "reasoning") not in (
        "",
        _amount(said, "output"),
    ):
        return None
    tiers = [as_dict(tier) for tier in as_list(said.get("tiers"))]
    if not tiers and (above := as_dict(said.get("context_over_200k"))):
        tiers = [{**above, "tier": {"type": "context", "size": 200_000}}]
    limits = [as_dict(tier.get("tier")) for tier in tiers]
    if any(limit.get("type") != "context" or as_int(limit.get("size")) <= 0 for limit in limits):
        return None
    return PriceData(
        **_rates(said),
        tiers=tuple(
            TierData(above=as_int(limit.get("size")), **_rates(tier))
            for limit, tier in zip(limits, tiers, strict=True)
        ),
        source=source,
        checked=today,
    )


def _rates(said: Json) -> dict[str, str]:
    return {
        "input": _amount(said, "input") or "0",
        "output": _amount(said, "output") or "0",
        "cache_read": _amount(said, "cache_read"),
        "cache_write": _amount(said, "cache_write"),
    }


def _amount(said: Json, name: str) -> str:
    """An amount of money as text, and "" for none, nothing and nonsense."""
    value = said.get(name)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return ""
    if not LEAST <= value <= MOST:
        return ""
    return f"{Decimal(value).normalize():f}"
