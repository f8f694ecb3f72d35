"""How hard to think, in Anthropic's words: a token budget on older models, an effort on newer ones.

Quirks: ``thinking`` ("budget", "adaptive", "none"), ``efforts`` (the words an adaptive model takes),
``thinking_off`` (what turns it off: "omit", "disabled", "between_tools", or "never"), ``thinking_display``
(whether the host knows that field).
https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from providers.adapters.base import Host
from providers.adapters.changes import Changes
from providers.adapters.reading import as_dict, as_list, as_str
from providers.chat import ReasoningOptions

SCALE = ("minimal", "low", "medium", "high", "xhigh", "max")
"""Words for effort, from the least on."""

BUDGETS = {
    "minimal": 1024,
    "low": 4096,
    "medium": 8192,
    "high": 16384,
    "xhigh": 24576,
    "max": 32768,
}
"""Thinking tokens for each word, for models that want a number."""

_LEAST = 1024


@dataclass(frozen=True, slots=True)
class Thinking:
    """``config`` is the value of ``thinking``; None leaves the model to its default."""

    config: Any = None
    output_config: dict[str, str] = field(default_factory=dict)

    @property
    def on(self) -> bool:
        return as_str(as_dict(self.config).get("type")) in ("enabled", "adaptive")


def thinking(
    options: ReasoningOptions | None, host: Host, max_tokens: int, forced: bool, changes: Changes
) -> Thinking:
    """``forced``: the caller forces a tool call, with which a budget cannot be combined."""
    if options is None:
        return Thinking()
    style = host.quirk("thinking", "budget")
    if style == "none":
        changes.dropped("reasoning", "this model does not think aloud")
        return Thinking()
    if options.effort == "none" or options.budget == 0:
        return _off(host, changes)
    if options.effort is not None and options.effort not in SCALE:
        changes.dropped("reasoning.effort", f"only {', '.join(SCALE)} are known")
        options = ReasoningOptions(None, options.budget, options.include)
    if style == "adaptive":
        return _adaptive(options, host, changes)
    return _budget(options, host, max_tokens, forced, changes)


def nearest(effort: str, allowed: Sequence[str]) -> str:
    """The strongest of ``allowed`` that is not above ``effort``; the weakest when all are."""
    ranked = sorted(allowed, key=SCALE.index)
    below = [word for word in ranked if SCALE.index(word) <= SCALE.index(effort)]
    return below[-1] if below else ranked[0]


def word_for(budget: int) -> str:
    """The weakest effort whose budget is enough."""
    return next((word for word, tokens in BUDGETS.items() if budget <= tokens), SCALE[-1])


def _off(host: Host, changes: Changes) -> Thinking:
    switch = as_str(host.quirk("thinking_off", "omit"))
    if switch == "never":
        changes.dropped("reasoning.effort", "this model always thinks")
    return Thinking() if switch in ("omit", "never") else Thinking({"type": switch})


def _adaptive(options: ReasoningOptions, host: Host, changes: Changes) -> Thinking:
    effort = options.effort
    if options.budget is not None:
        effort = effort or word_for(options.budget)
        changes.changed("reasoning.budget", f"this model takes an effort; sent as {effort!r}")
    config = {"type": "adaptive", **_display(options, host, changes)}
    if effort is None:
        return Thinking(config)
    allowed = [word for word in as_list(host.quirk("efforts")) if word in SCALE] or list(SCALE[1:4])
    level = nearest(effort, allowed)
    if level != effort:
        changes.changed(
            "reasoning.effort", f"this model knows {', '.join(allowed)}; sent as {level!r}"
        )
    return Thinking(config, {"effort": level})


def _budget(
    options: ReasoningOptions, host: Host, max_tokens: int, forced: bool, changes: Changes
) -> Thinking:
    if forced or max_tokens <= _LEAST:
        reason = "a tool call is forced" if forced else f"max_tokens must be above {_LEAST} for it"
        changes.dropped("reasoning", f"the model cannot think here: {reason}")
        return Thinking()
    wanted = options.budget if options.budget is not None else BUDGETS[options.effort or "medium"]
    budget = max(_LEAST, wanted if wanted < max_tokens else max_tokens // 2)
    if options.budget is not None and budget != options.budget:
        changes.changed(
            "reasoning.budget", f"it must be from {_LEAST} to below max_tokens; sent as {budget}"
        )
    return Thinking(
        {"type": "enabled", "budget_tokens": budget, **_display(options, host, changes)}
    )


def _display(options: ReasoningOptions, host: Host, changes: Changes) -> dict[str, str]:
    if options.include is None:
        return {}
    if host.quirk("thinking_display", False):
        return {"display": "summarized" if options.include else "omitted"}
    if not options.include:
        changes.dropped(
            "reasoning.include", "this host has no switch for it; the thoughts are in the answer"
        )
    return {}
