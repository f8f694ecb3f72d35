"""What a connection test can find, in words and colours. The words come first; the colour only repeats them."""

from __future__ import annotations

from typing import NamedTuple

from providers.catalogue.spec import TestResult


class Verdict(NamedTuple):
    tone: str
    icon: str
    headline: str


VERDICTS: dict[TestResult, Verdict] = {
    "ok": Verdict("good", "ok", "It works"),
    "wrong_key": Verdict("bad", "bad", "The key was refused"),
    "restricted_key": Verdict("warn", "warn", "The key is restricted"),
    "no_credit": Verdict("warn", "warn", "No credit left"),
    "rate_limited": Verdict("warn", "warn", "Too many requests"),
    "unreachable": Verdict("bad", "bad", "Not reachable"),
    "not_checkable": Verdict("", "info", "Key not checked"),
}
