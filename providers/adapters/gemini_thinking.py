"""How hard to think, in Gemini's words: a token budget in 2.5, a level from 3 on.

Quirks: ``thinking`` ("level", "budget", "none"), ``thinking_levels`` (the words a model takes),
``thinking_least`` (the smallest budget: 0 turns thinking off, where the model allows it).
https://ai.google.dev/gemini-api/docs/thinking
"""

from __future__ import annotations

from typing import Any

from providers.adapters.base import Host
from providers.adapters.changes import Changes
from providers.adapters.reading import as_int, as_list
from providers.chat import ReasoningOptions

SCALE = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""Words for effort, from the least on."""

LEVELS = ("minimal", "low", "medium", "high")

BUDGETS = {
    "none": 0,
    "minimal": 512,
    "low": 1024,
    "medium": 8192,
    "high": 24576,
    "xhigh": 24576,
    "max": 24576,
}
"""Thinking tokens for each word. 24576 is the most that every 2.5 model takes."""


def thinking_config(
    options: ReasoningOptions | None, host: Host, changes: Changes
) -> dict[str, Any]:
    """The value of ``thinkingConfig``; empty to leave the model to its default."""
    if options is None:
        return {}
    style = host.quirk("thinking", "level")
    if style == "none":
        changes.dropped("reasoning", "this model does not think aloud")
        return {}
    effort = options.effort
    if effort is not None and effort not in SCALE:
        changes.dropped("reasoning.effort", f"only {', '.join(SCALE)} are known")
        effort = None
    config = {} if options.include is None else {"includeThoughts": options.include}
    if effort is None and options.budget is None:
        return config
    if style == "budget":
        return {**config, "thinkingBudget": _budget(effort, options.budget, host, changes)}
    return {**config, "thinkingLevel": _level(effort, options.budget, host, changes)}


def _budget(effort: str | None, budget: int | None, host: Host, changes: Changes) -> int:
    wanted = BUDGETS[effort or "medium"] if budget is None else budget
    least = as_int(host.quirk("thinking_least"))
    if wanted < least:
        changes.changed("reasoning", f"this model thinks at least {least} tokens")
    return max(wanted, least)


def _level(effort: str | None, budget: int | None, host: Host, changes: Changes) -> str:
    if effort is None:
        effort = next((word for word, tokens in BUDGETS.items() if (budget or 0) <= tokens), "high")
        changes.changed("reasoning.budget", "this model takes a level instead")
    told = as_list(host.quirk("thinking_levels"))
    levels = [level for level in LEVELS if level in told] or list(LEVELS)
    below = [level for level in levels if SCALE.index(level) <= SCALE.index(effort)]
    level = below[-1] if below else levels[0]
    if level != effort:
        changes.changed(
            "reasoning.effort", f"this model knows {', '.join(levels)}; sent as {level!r}"
        )
    return level
