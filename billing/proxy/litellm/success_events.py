"""What a charge stores of LiteLLM's event: who served, the tokens, the prices of a token."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from pydantic import JsonValue

from billing.ledger.schemas import Json
from billing.prices.rule import PriceRule

Served = tuple[str | None, str | None, str | None]  # group, deployment id, provider

_UNIT_PRICES = (
    "input_cost_per_token",
    "output_cost_per_token",
    "cache_read_input_token_cost",
    "cache_creation_input_token_cost",
    "cache_creation_input_token_cost_above_1hr",
    "output_cost_per_reasoning_token",
    "input_cost_per_audio_token",
    "output_cost_per_audio_token",
    "input_cost_per_request",
)
_BUCKETS = ("metadata", "litellm_metadata")
_TABLES = (dict, Mapping)  # to ask an abstract class takes ten times as long
_NOTHING: Mapping[str, object] = {}


def mapping_of(value: object) -> Mapping[str, object]:
    """The value, where it is a mapping; else an empty one."""
    return value if isinstance(value, _TABLES) else _NOTHING


def served_by(kwargs: Mapping[str, object]) -> Served:
    """Who served, from the `kwargs` of a LiteLLM logging event."""
    payload = mapping_of(kwargs.get("standard_logging_object"))
    group, provider = _text(payload.get("model_group")), _text(payload.get("custom_llm_provider"))
    return group, _text(payload.get("model_id")), provider


def charge_detail(kwargs: Mapping[str, object], rule: PriceRule) -> Json:
    """What a charge stores about its price, from the `kwargs` of a LiteLLM logging event.

    Keys: `provider_model`, `provider`, `deployment_id`, `tokens` (prompt,
    completion, total, cached, cache_write, reasoning), `unit_prices` (decimal strings a token, of the
    deployment that served), `provider_cost` (decimal string, exactly LiteLLM's number), `cache_hit`,
    `service_tier`, `response_id` (by which LiteLLM names its spend log row), `rule`. Facts that LiteLLM does
    not give are null, never guessed.
    """
    payload = mapping_of(kwargs.get("standard_logging_object"))
    breakdown = mapping_of(payload.get("cost_breakdown"))
    cost = payload.get("response_cost", kwargs.get("response_cost"))
    return {
        "provider_model": _text(payload.get("model")),
        "provider": _text(payload.get("custom_llm_provider")),
        "deployment_id": _text(payload.get("model_id")),
        "tokens": _tokens(payload),
        "unit_prices": _unit_prices(kwargs, payload),
        "provider_cost": None if cost is None else str(cost),
        "cache_hit": payload.get("cache_hit") is True,
        "service_tier": _text(breakdown.get("service_tier")),
        "response_id": _text(payload.get("id")),
        "rule": rule.detail(),
    }


def _tokens(payload: Mapping[str, object]) -> dict[str, JsonValue]:
    usage = mapping_of(mapping_of(payload.get("metadata")).get("usage_object"))
    prompt = mapping_of(usage.get("prompt_tokens_details"))
    completion = mapping_of(usage.get("completion_tokens_details"))
    cache_write = _count(prompt.get("cache_creation_tokens")) or _count(prompt.get("cache_write_tokens"))
    return {
        "prompt": _count(payload.get("prompt_tokens")),
        "completion": _count(payload.get("completion_tokens")),
        "total": _count(payload.get("total_tokens")),
        "cached": _count(prompt.get("cached_tokens")) or _count(usage.get("cache_read_input_tokens")),
        "cache_write": cache_write or _count(usage.get("cache_creation_input_tokens")),
        "reasoning": _count(completion.get("reasoning_tokens")),
    }


def _unit_prices(kwargs: Mapping[str, object], payload: Mapping[str, object]) -> dict[str, JsonValue]:
    """The prices a token of the deployment that served: its own before those of LiteLLM's price map."""
    params = mapping_of(kwargs.get("litellm_params"))
    sources = (
        params,
        *(mapping_of(mapping_of(params.get(bucket)).get("model_info")) for bucket in _BUCKETS),
        mapping_of(mapping_of(payload.get("model_map_information")).get("model_map_value")),
    )
    prices: dict[str, JsonValue] = {}
    for name in _UNIT_PRICES:
        for source in sources:
            price = source.get(name)
            if price is not None:
                if (text := _plain(price)) is not None:
                    prices[name] = text
                break
    return prices


def _plain(price: object) -> str | None:
    """A price as a decimal string without exponent: 1.5e-07 → "0.00000015"; None for what is no number."""
    try:
        return format(Decimal(str(price)), "f")
    except InvalidOperation:
        return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
