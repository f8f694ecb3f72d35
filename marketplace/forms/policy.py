"""How calls through one integration are made, as fields called ``policy.<name>`` and as the sections they stand in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.conf import settings
from django.forms.boundfield import BoundField

from integrations.policy import NAMES, NUMBERS, RETRIED, USUAL, CallPolicy, read
from marketplace.forms.base import LinesField
from marketplace.templatetags.ui import seconds, words

ATTEMPTS = (
    (3, "Three (usual)"),
    (2, "Two"),
    (1, "One"),
)
CACHED = (("0", "Off"), ("300", "5 minutes"), ("3600", "1 hour"), ("86400", "1 day"))
_CUSTOM = "custom"

_DEADLINES = {
    "connectTimeout": (
        "Connect",
        "AIM_CONNECT_TIMEOUT",
        "Until the provider takes the connection.",
    ),
    "firstTokenTimeout": ("First token", "AIM_FIRST_TOKEN_TIMEOUT", "Until an answer begins."),
    "idleTimeout": ("Standing still", "AIM_IDLE_TIMEOUT", "Between two parts of a stream."),
    "totalTimeout": ("Whole call", "AIM_TOTAL_TIMEOUT", "From the first byte to the last."),
}
_NUMBERS = {
    "multiplier": (
        "First wait",
        "Seconds. It is random up to this; the next waits may be twice as long each.",
    ),
    "maxWait": (
        "Longest wait",
        "Seconds. When a provider asks for more, the caller is told instead.",
    ),
    "priority": ("Priority", "Lower numbers go first; the others stand by."),
    "weight": (
        "Weight",
        "Within one priority, one of weight 3 gets three times the calls of one of weight 1.",
    ),
}


class Ticks(forms.CheckboxSelectMultiple):
    template_name = "components/ticks.html"


@dataclass(frozen=True, slots=True)
class Section:
    """``summary`` is how it stands now, in a few words; ``row`` are fields that stand side by side."""

    title: str
    sentence: str
    summary: str
    row: list[BoundField]
    rest: list[BoundField]

    @property
    def wrong(self) -> bool:
        return any(field.errors for field in (*self.row, *self.rest))


def fields(stored: Mapping[str, Any]) -> dict[str, forms.Field]:
    """For a form about an integration whose policy is ``stored``."""
    policy = read(stored)
    found = {
        "attempts": _attempts(policy),
        "multiplier": _number("multiplier", policy),
        "maxWait": _number("maxWait", policy),
        "retryOn": _retried(policy),
        **{name: _deadline(name, policy) for name in _DEADLINES},
        **_cache(policy),
        "priority": _number("priority", policy),
        "weight": _number("weight", policy),
        "origins": _origins(policy),
    }
    return {f"policy.{name}": field for name, field in found.items()}


def value(given: Mapping[str, Any]) -> dict[str, Any]:
    """What was typed, without its prefix, as ``IntegrationInput.policy`` wants it."""
    found = {name: kept for name, kept in given.items() if name in NAMES and kept not in (None, "")}
    if given["cache"] not in ("", _CUSTOM):
        found["cacheSeconds"] = int(given["cache"])
    found["origins"] = [origin.lower().rstrip("/") for origin in given["origins"]]
    return found


def lacks_seconds(given: Mapping[str, Any]) -> bool:
    """Whether another time was chosen for the cache, and none was typed."""
    return given.get("cache") == _CUSTOM and given.get("cacheSeconds", 0) is None


def sections(form: forms.BaseForm, stored: Mapping[str, Any]) -> list[Section]:
    policy = read(stored)

    def named(*names: str) -> list[BoundField]:
        return [form[f"policy.{name}"] for name in names]

    return [
        Section(
            "Retries",
            "Only what proves that nothing ran is tried again, and at most one call in five.",
            _retries(policy),
            named("attempts", "multiplier", "maxWait"),
            named("retryOn"),
        ),
        Section(
            "Deadlines",
            "Seconds. An empty field leaves it to the server.",
            _deadlines(policy),
            named(*_DEADLINES),
            [],
        ),
        Section(
            "Cache",
            "The same question within this time gets the same answer, at no cost. Only your own calls share it.",
            _kept(policy.cache_seconds),
            named("cache", "cacheSeconds"),
            [],
        ),
        Section(
            "Routing",
            "Usually your oldest integration of a provider answers alone. Rank one here, and they share the calls.",
            _routing(policy),
            named("priority", "weight"),
            [],
        ),
        Section(
            "Browser apps",
            "Web pages that may call this integration straight from a browser.",
            _pages(policy),
            [],
            named("origins"),
        ),
    ]


# --- Fields ---


def _attempts(policy: CallPolicy) -> forms.Field:
    return forms.TypedChoiceField(
        label="Attempts", required=False, coerce=int, choices=ATTEMPTS, initial=policy.attempts
    )


def _number(name: str, policy: CallPolicy) -> forms.Field:
    label, sentence = _NUMBERS[name]
    own = NAMES[name]
    current, usual = getattr(policy, own), getattr(USUAL, own)
    return _field(name, label, sentence, None if current == usual else current, f"{usual:g}")


def _deadline(name: str, policy: CallPolicy) -> forms.Field:
    label, setting, sentence = _DEADLINES[name]
    usual = f"{getattr(settings, setting):g}"
    return _field(name, label, sentence, getattr(policy, NAMES[name]), usual)


def _field(
    name: str, label: str, sentence: str, initial: float | None, placeholder: str
) -> forms.Field:
    kind, *_ = NUMBERS[name]
    whole = kind is int
    attributes = {"inputmode": "numeric" if whole else "decimal", "autocomplete": "off"}
    return (forms.IntegerField if whole else forms.FloatField)(
        label=label,
        required=False,
        initial=None if initial is None else f"{initial:.12g}",
        help_text=sentence,
        widget=forms.TextInput(attrs=attributes | {"placeholder": placeholder}),
    )


def _retried(policy: CallPolicy) -> forms.Field:
    return forms.MultipleChoiceField(
        label="Errors that are tried again",
        required=False,
        choices=[(code, words(code)) for code in sorted(RETRIED)],
        initial=sorted(policy.retry_on),
        widget=Ticks,
    )


def _cache(policy: CallPolicy) -> dict[str, forms.Field]:
    """A few usual times and any other."""
    offered = dict(CACHED)
    current = str(policy.cache_seconds)
    chosen = current if current in offered else _CUSTOM
    own = None if chosen != _CUSTOM else policy.cache_seconds
    return {
        "cache": forms.ChoiceField(
            label="Keep answers for",
            required=False,
            choices=[*CACHED, (_CUSTOM, "Another time…")],
            initial=chosen,
        ),
        "cacheSeconds": _field("cacheSeconds", "Seconds", "Up to 30 days (2592000).", own, ""),
    }


def _origins(policy: CallPolicy) -> forms.Field:
    attributes = {
        "rows": 3,
        "autocapitalize": "none",
        "spellcheck": "false",
        "placeholder": "https://app.example.com",
    }
    return LinesField(
        label="Allowed origins",
        required=False,
        initial=sorted(policy.origins),
        help_text="One in each line: scheme, host and, where it is unusual, the port.",
        widget=forms.Textarea(attrs=attributes),
    )


# --- Summaries ---


def _retries(policy: CallPolicy) -> str:
    if policy.attempts == 1 or not policy.retry_on:
        return "Never again"
    left_out = sorted(words(code).lower() for code in RETRIED - policy.retry_on)
    return _listed(
        [
            f"{policy.attempts} attempts" if policy.attempts != USUAL.attempts else "",
            f"first wait {seconds(policy.multiplier)}"
            if policy.multiplier != USUAL.multiplier
            else "",
            f"waits up to {seconds(policy.max_wait)}" if policy.max_wait != USUAL.max_wait else "",
            f"not after {' or '.join(left_out)}" if left_out else "",
        ]
    )


def _deadlines(policy: CallPolicy) -> str:
    return _listed(
        f"{label.lower()} {seconds(found)}"
        for name, (label, *_) in _DEADLINES.items()
        if (found := getattr(policy, NAMES[name])) is not None
    )


def _kept(found: int) -> str:
    return dict(CACHED).get(str(found)) or seconds(found)


def _routing(policy: CallPolicy) -> str:
    return _listed(
        [
            f"priority {policy.priority}" if policy.priority != USUAL.priority else "",
            f"weight {policy.weight}" if policy.weight != USUAL.weight else "",
        ]
    )


def _pages(policy: CallPolicy) -> str:
    if len(policy.origins) > 1:
        return f"{len(policy.origins)} origins"
    return next(iter(policy.origins), "None")


def _listed(parts: Iterable[str]) -> str:
    text = ", ".join(part for part in parts if part)
    return text[:1].upper() + text[1:] or "Usual"
