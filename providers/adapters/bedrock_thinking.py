"""How hard to think, in the words of the models behind Bedrock: each maker has fields of its own.

Quirk ``thinking``: "none" (the default), "budget" and "adaptive" (Claude: with the further quirks of
``anthropic_thinking``), "nova" (an effort of low, medium or high), "effort" (``reasoning_effort``), "always" (the
model thinks whatever is said).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from providers.adapters import anthropic_thinking
from providers.adapters.anthropic_thinking import BUDGETS, nearest, word_for
from providers.adapters.base import Host
from providers.adapters.changes import Changes
from providers.adapters.reading import as_dict
from providers.chat import ChatRequest, Json, ReasoningOptions

_DEFAULT_MAX_TOKENS = 8192
_WORDS = ("low", "medium", "high")


@dataclass(frozen=True, slots=True)
class Thinking:
    """``fields`` are for ``additionalModelRequestFields``. ``on``: sampling parameters are refused."""

    fields: dict[str, Json] = field(default_factory=dict)
    on: bool = False


def thinking(request: ChatRequest, host: Host, forced: bool, changes: Changes) -> Thinking:
    """``forced``: the caller forces a tool call, with which a budget cannot be combined."""
    native = as_dict(request.extra.get("bedrock", {}).get("additionalModelRequestFields"))
    if "thinking" in native:
        return Thinking(on=as_dict(native["thinking"]).get("type") != "disabled")
    options = request.reasoning
    if options is None:
        return Thinking()
    match host.quirk("thinking", "none"):
        case "budget" | "adaptive":
            return _claude(request, options, host, forced, changes)
        case "nova":
            return _nova(options, changes)
        case "effort":
            word = _word(options, changes)
            return Thinking({"reasoning_effort": word} if word else {})
        case "always":
            changes.dropped("reasoning", "this model always thinks, as much as it wants")
        case _ if not _off(options):
            changes.dropped("reasoning", "this model does not think aloud")
    return Thinking()


def _claude(
    request: ChatRequest, options: ReasoningOptions, host: Host, forced: bool, changes: Changes
) -> Thinking:
    limit = host.model.max_output if host.model else 0
    tokens = request.max_tokens or limit or _DEFAULT_MAX_TOKENS
    found = anthropic_thinking.thinking(options, host, tokens, forced, changes)
    said = {"thinking": found.config, "output_config": found.output_config}
    return Thinking({name: value for name, value in said.items() if value}, found.on)


def _nova(options: ReasoningOptions, changes: Changes) -> Thinking:
    if _off(options):
        return Thinking({"reasoningConfig": {"type": "disabled"}})
    config = {"type": "enabled", "maxReasoningEffort": _word(options, changes) or "medium"}
    # Only the highest effort refuses sampling parameters (and then a limit of tokens, too).
    return Thinking({"reasoningConfig": config}, config["maxReasoningEffort"] == "high")


def _word(options: ReasoningOptions, changes: Changes) -> str:
    """The effort in one of three words; "" where nothing is said of it."""
    wanted = options.effort or ""
    if not wanted and options.budget is not None:
        wanted = word_for(options.budget)
        changes.changed("reasoning.budget", "this model takes an effort instead of a number")
    if wanted == "none" or options.budget == 0:
        changes.changed("reasoning.effort", "this model always thinks; sent as 'low'")
        return "low"
    if not wanted:
        return ""
    if wanted not in BUDGETS:
        changes.dropped("reasoning.effort", f"only {', '.join(BUDGETS)} are known")
        return ""
    word = nearest(wanted, _WORDS)
    if word != wanted:
        changes.changed("reasoning.effort", f"this model knows {', '.join(_WORDS)}")
    return word


def _off(options: ReasoningOptions) -> bool:
    return options.effort == "none" or options.budget == 0
