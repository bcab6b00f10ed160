"""Rejects implausible usage: reports from providers that contradict themselves or are absurd.

Such usage is never a final charge (docs/explanation/endings.md, "Nonsense"). Unusual but honest usage is
accepted: reasoning in addition to the completion, input without cached tokens (Anthropic), tokens of searches
and tools only in the total.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_PROMPT = ("prompt_tokens", "input_tokens")
_COMPLETION = ("completion_tokens", "output_tokens")
_TOTAL = "total_tokens"
_PARTS = frozenset((*_PROMPT, *_COMPLETION, _TOTAL))
# Usage besides tokens that has a price.
_COUNTS = frozenset(
    (
        "cost", "seconds", "search_units", "pages_processed", "num_search_queries", "web_search_requests",
        "images", "characters", "generated_images", "duration_seconds", "credits",
    )
)  # fmt: skip
# Under these names cached input may come in addition to the prompt instead of being part of it.
_ADDITIONAL_CACHE_FIELDS = ("cache_read_input_tokens", "cache_creation_input_tokens")
_TOKENS_MAX = 1_000_000_000
_CONTEXTS_MAX = 4  # an answer in several rounds reads its input again in each
_SHOWN_TIMES_MAX = 10
_SHOWN_SPARE_TOKENS = 2_000
_HOLDS_MAX = 20


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known about a call besides its usage; None: unknown."""

    context_tokens_max: int | None = None
    output_tokens_max: int | None = None
    shown_tokens: int | None = None  # of output, if all billed output is visible


def why_implausible(usage: Mapping[str, object], known: Surroundings = Surroundings()) -> str | None:
    """Returns why this usage, in the names of any API, is implausible; None if it is plausible."""
    for name, value in _counts(usage):
        if (reason := _why_no_count(name, value)) is not None:
            return reason
    prompt, completion = _first(usage, _PROMPT), _first(usage, _COMPLETION)
    return (
        _why_contradictory(usage, prompt, completion)
        or _why_details_exceed(usage, prompt, completion)
        or _why_absurd(prompt or 0, completion or 0, known)
    )


def is_absurd_charge(amount_nanos: int, hold_nanos: int) -> bool:
    """Whether a charge is many times the maximum cost of the call."""
    return amount_nanos > hold_nanos * _HOLDS_MAX > 0


def _counts(usage: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for name, value in usage.items():
        if isinstance(value, Mapping):
            yield from _counts(value)
        elif value is not None and (name.endswith("tokens") or name in _COUNTS):
            yield name, value
        elif isinstance(value, list | tuple):
            for each in value:
                if isinstance(each, Mapping):
                    yield from _counts(each)


def _why_no_count(name: str, value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"{name} is not a number"
    if not math.isfinite(value):
        return f"{name} is not finite"
    if value < 0:
        return f"{name} is negative"
    if not name.endswith("tokens"):
        return None
    if value != int(value):
        return f"{name} is not a whole number"
    return f"{name} is more than {_TOKENS_MAX}" if value > _TOKENS_MAX else None


def _why_contradictory(usage: Mapping[str, object], prompt: int | None, completion: int | None) -> str | None:
    total = _number(usage.get(_TOTAL))
    if not total or prompt is None or completion is None:
        return None
    if total < prompt + completion:
        return f"{_TOTAL} is less than its parts"
    others = sum(
        int(value)
        for name, value in _counts(usage)
        if name.endswith("tokens") and name not in _PARTS and isinstance(value, int | float)
    )
    return f"{_TOTAL} is more than its parts" if total > prompt + completion + others else None


def _why_details_exceed(
    usage: Mapping[str, object], prompt: int | None, completion: int | None
) -> str | None:
    cached = _detail(usage, _PROMPT, "cached_tokens")
    if (
        prompt is not None
        and cached > prompt
        and not any(usage.get(name) for name in _ADDITIONAL_CACHE_FIELDS)
    ):
        return "more tokens came from a cache than the prompt had"
    reasoning = _detail(usage, _COMPLETION, "reasoning_tokens")
    if completion is None or reasoning <= completion or usage.get("citation_tokens") is not None:
        return None  # Perplexity's deep research reports reasoning in addition to everything else
    total = _number(usage.get(_TOTAL))
    additional_charges = total is not None and total >= (prompt or 0) + completion + reasoning
    return None if additional_charges else "more tokens were reasoned than the completion had"


def _why_absurd(prompt: int, completion: int, known: Surroundings) -> str | None:
    if known.context_tokens_max and prompt > _CONTEXTS_MAX * known.context_tokens_max:
        return "the prompt is many times the model's context"
    if known.output_tokens_max and completion > _CONTEXTS_MAX * known.output_tokens_max:
        return "the completion is many times the requested limit"
    shown = known.shown_tokens
    if shown is not None and completion > _SHOWN_TIMES_MAX * shown + _SHOWN_SPARE_TOKENS:
        return "the completion is many times what was shown"
    return None


def _first(usage: Mapping[str, object], names: tuple[str, ...]) -> int | None:
    return next((found for name in names if (found := _number(usage.get(name))) is not None), None)


def _detail(usage: Mapping[str, object], names: tuple[str, ...], detail: str) -> int:
    for name in names:
        details = usage.get(f"{name}_details")
        if isinstance(details, Mapping) and (found := _number(details.get(detail))) is not None:
            return found
    return 0


def _number(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value)
