"""The maximum cost of a call on one deployment: tokens at the highest prices, plus fees and margin."""

from __future__ import annotations

from bisect import bisect_right
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from billing.errors import ModelNotPriced
from billing.proxy.max_cost.added import added_tokens
from billing.proxy.max_cost.configured import configured_on
from billing.proxy.max_cost.deployments import Deployment, takes_output_limit
from billing.proxy.max_cost.output import max_input_tokens
from billing.proxy.max_cost.price_map import cost_adjustment
from billing.proxy.max_cost.prices import Ceiling, Usage, ceiling, service_tiers_of, thresholds_of
from billing.proxy.max_cost.request import PART_TOKENS, RequestShape
from billing.proxy.max_cost.tokens import TextTokens
from billing.proxy.max_cost.web_search import search_fee, searches_of
from billing.settings import Settings

# Tokens that providers add and bill: the chat template, the system prompt for tools, and the definitions
# of predefined tools (Anthropic documents up to 735 for one and 530 for the prompt).
BASE_TOKENS = 64
TOOL_TOKENS = 64
TOOLS_PROMPT_TOKENS = 1024
PREDEFINED_TOOL_TOKENS = 1024
MEDIA_TOKENS_ESTIMATE = 250  # what LiteLLM counts for an image

_REMEMBERED_MAX = 1024  # price ceilings and other figures of deployments
_ROUTED = ("model-router", "model_router", "openrouter/auto", "groq/compound", "compound-beta")


class Candidate(NamedTuple):
    """Costs in major units of the currency, before our price rule."""

    input_cost: Decimal
    input_estimate: Decimal
    output_cost_per_token: Decimal  # for all answers of the call
    fixed_cost: Decimal


def candidate_of(
    deployment: Deployment,
    shape: RequestShape,
    text: TextTokens,
    output_tokens: int,
    passes: int,
    settings: Settings,
) -> Candidate:
    """Computes the maximum cost on one deployment. `passes`: how often its input may be billed (stream
    fallbacks).

    Raises ModelNotPriced if there is no price or no limit.
    """
    _refuse_unlimited(deployment, makes_output=shape.makes_output)
    searches = searches_of(deployment, shape)
    tokens = _input_tokens(deployment, shape, text, searches, settings) * passes
    usage = Usage(
        input_tokens=tokens,
        output_tokens=output_tokens * shape.answers,
        media=shape.media,
        one_hour_cache=shape.one_hour_cache or _caches_for_an_hour(deployment),
        service_tiers=service_tiers_of(shape.service_tier, deployment.params.get("service_tier")),
        fast=shape.fast or deployment.params.get("speed") not in (None, "standard"),
    )
    prices = ceiling_on(deployment, usage, makes_output=shape.makes_output)
    factor, margin = cost_adjustment(deployment.provider)
    by_unit = prices.input_per_character * text.utf8_bytes + prices.input_per_item * shape.prompts
    by_unit += prices.input_per_media * shape.media
    fees = prices.per_request + search_fee(deployment, searches)
    return Candidate(
        input_cost=(prices.input_per_token * tokens + by_unit * passes) * factor,
        input_estimate=prices.plain_input_per_token * estimated_input(shape, text) * factor,
        output_cost_per_token=prices.output_per_token * shape.answers * factor,
        fixed_cost=fees * factor + margin,
    )


@lru_cache(_REMEMBERED_MAX)
def _refuse_unlimited(deployment: Deployment, *, makes_output: bool) -> None:
    """Raises ModelNotPriced for a model whose use nothing limits."""
    name = deployment.model
    if any(routed in name.lower() for routed in _ROUTED):
        raise ModelNotPriced(f"{name} chooses models and tools by itself, so its cost cannot be limited.")
    if makes_output and not takes_output_limit(deployment.bare_model, deployment.provider):
        raise ModelNotPriced(f"{name} accepts no output limit, so its cost cannot be limited.")


@lru_cache(_REMEMBERED_MAX)
def _caches_for_an_hour(deployment: Deployment) -> bool:
    return '"1h"' in str(deployment.params).replace("'", '"')


def ceiling_on(deployment: Deployment, usage: Usage, *, makes_output: bool) -> Ceiling:
    """Returns its highest prices; reuses those of a call with equal token counts where the prices allow."""
    thresholds = _thresholds_on(deployment)
    if thresholds is None:
        return ceiling(deployment.prices, usage, deployment.model, makes_output=makes_output)
    most = max(usage.input_tokens, usage.output_tokens)
    reached = thresholds[bisect_right(thresholds, most) - 1]
    kinds = (usage.one_hour_cache, usage.service_tiers, usage.fast)
    return _ceiling_from(deployment, reached, usage.media > 0, *kinds, makes_output)


@lru_cache(_REMEMBERED_MAX)
def _thresholds_on(deployment: Deployment) -> tuple[int, ...] | None:
    return thresholds_of(deployment.prices)


@lru_cache(_REMEMBERED_MAX)
def _ceiling_from(
    deployment: Deployment,
    tokens: int,
    media: bool,
    one_hour_cache: bool,
    service_tiers: frozenset[str] | None,
    fast: bool,
    makes_output: bool,
) -> Ceiling:
    usage = Usage(tokens, 0, int(media), one_hour_cache, service_tiers, fast)
    return ceiling(deployment.prices, usage, deployment.model, makes_output=makes_output)


def estimated_input(shape: RequestShape, text: TextTokens) -> int:
    """Estimates the input in tokens, as LiteLLM would count it."""
    return text.estimate + shape.id_tokens + 4 * shape.parts + MEDIA_TOKENS_ESTIMATE * shape.media


def _input_tokens(
    deployment: Deployment, shape: RequestShape, text: TextTokens, searches: int, settings: Settings
) -> int:
    tools = shape.tools
    text_tokens = text.utf8_bytes if settings.bounds_by_bytes else text.ceiling
    tokens = shape.id_tokens + text_tokens + BASE_TOKENS + PART_TOKENS * shape.parts
    tokens += TOOL_TOKENS * tools.definitions + PREDEFINED_TOOL_TOKENS * tools.predefined
    tokens += TOOLS_PROMPT_TOKENS if tools.definitions else 0
    tokens += added_tokens(deployment, shape, text_tokens)
    if not shape.media and not searches and not configured_on(deployment).stored:
        return tokens
    context = max_input_tokens(deployment.prices)
    if context is None:
        raise ModelNotPriced(
            f"Images, files, audio and searches on {deployment.model} have no cost limit: "
            "the operator must set `model_info: {max_input_tokens: …}`."
        )
    return max(tokens, context) * (1 + searches)
