"""Decides the output limit to price: the client's, or as much as the model can write."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from billing.errors import ModelNotPriced
from billing.proxy.max_cost.deployments import Deployment
from billing.proxy.max_cost.limits import OUTPUT_TOKENS_MAX
from billing.proxy.max_cost.request import PART_TOKENS, RequestShape
from billing.settings import Settings

# OpenAI's documented default of `max_tokens` in /v1/completions; its models write until they reach a limit.
COMPLETIONS_DEFAULT = 16
_COMPLETIONS_PROVIDERS = ("openai", "azure", "text-completion-openai", "azure_text", "hosted_vllm")
_ESTIMATE_MARGIN = 1.25  # for tokenizers other than the one used to count


class OutputLimit(NamedTuple):
    """The output tokens of one answer, and the field they are written to.

    No field: the call has no output.
    """

    tokens: int
    field: str | None
    client_set: bool


def output_limit_of(
    shape: RequestShape, first: Sequence[Deployment], estimate: int, settings: Settings
) -> OutputLimit:
    """Decides the limit for the requested group. `estimate`: the likely input, in tokens."""
    if not shape.makes_output:
        return OutputLimit(0, None, client_set=False)
    longest = _least([max_output_tokens(d.prices) for d in first])
    if shape.limit_field is None:
        return _unlimited(first, longest)
    old_name = shape.limit_field == "max_completion_tokens" and any(d.own_server for d in first)
    field = "max_tokens" if old_name else shape.limit_field
    if shape.requested_tokens is not None:
        requested = shape.requested_tokens
        return OutputLimit(requested if longest is None else min(requested, longest), field, client_set=True)
    if shape.is_completion and any(d.provider in _COMPLETIONS_PROVIDERS for d in first):
        return OutputLimit(COMPLETIONS_DEFAULT, field, client_set=False)
    tokens = settings.billing_output_tokens_default if longest is None else longest
    return OutputLimit(min(tokens, _room(shape, first, estimate, settings)), field, client_set=False)


def with_configured(limit: OutputLimit, configured: Iterable[int]) -> OutputLimit:
    """Adjusts the limit if some deployments have one of their own, which ours cannot replace (0: none).

    Nothing can shorten an answer then, so a small balance does not reduce the limit.
    """
    highest = max(configured, default=0)
    if not highest or not limit.tokens:
        return limit
    return OutputLimit(max(limit.tokens, highest), None, client_set=limit.client_set)


def _unlimited(first: Sequence[Deployment], longest: int | None) -> OutputLimit:
    """The limit for an API without a field for it: the most that the model can write."""
    most = [max_output_tokens(d.prices) for d in first]
    if longest is None or None in most:
        raise ModelNotPriced(
            "This API has no output limit, so the operator must set `model_info: {max_output_tokens: …}`."
        )
    return OutputLimit(max(tokens for tokens in most if tokens), None, client_set=False)


def _room(shape: RequestShape, first: Sequence[Deployment], estimate: int, settings: Settings) -> int:
    """Returns what the model's context leaves for the output; many servers reject a larger limit."""
    context = _least(max_input_tokens(d.prices) for d in first)
    if context is None:
        return OUTPUT_TOKENS_MAX
    taken = math.ceil(estimate * _ESTIMATE_MARGIN) + PART_TOKENS * (shape.parts + shape.tools.definitions + 8)
    return max(context - taken, settings.billing_output_tokens_min)


def max_input_tokens(prices: Mapping[str, object]) -> int | None:
    """The model's context in tokens, if known."""
    return _positive(prices.get("max_input_tokens"))


def max_output_tokens(prices: Mapping[str, object]) -> int | None:
    """The longest answer in tokens, if known."""
    return _positive(prices.get("max_output_tokens")) or _positive(prices.get("max_tokens"))


def _positive(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if math.isfinite(value) and value >= 1 else None


def _least(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return min(known) if known else None
