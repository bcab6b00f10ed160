"""Our price rule on top of LiteLLM's cost, and the snapshot of prices that is stored with each charge.

Charge = max(floor, cost * multiplier + fee), rounded half-even once. The bound uses the same formula rounded
up, which is monotone: whatever bounds the cost bounds the charge. (docs/explanation/price-and-hold.md)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Literal, cast

from pydantic import JsonValue

from billing.ledger.schemas import Json
from billing.money import format_nanos, nanos_from_cost
from billing.prices.book import CallPrices
from billing.prices.rule import PriceRule

__all__ = [
    "CallRules",
    "PriceRule",
    "charge_detail",
    "charge_nanos_of",
    "price_detail",
    "provider_name",
    "rule_of_detail",
    "rules_detail",
    "served_by",
]

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
_ONE_PROVIDER = {
    "text-completion-openai": "openai",
    "azure_text": "azure",
    "vertex_ai_beta": "vertex_ai",
    "text-completion-codestral": "codestral",
}


Basis = Literal[
    "provider_cost",
    "cached_answer",
    "cache_hit",
    "free_model",
    "spend_log",
    "input",
    "count",
    "hold",
    "by_hand",
]


def charge_nanos_of(cost: object, rule: PriceRule) -> int:
    """LiteLLM's cost in major units → the charge. Raises InvalidAmount where the cost is not known."""
    return rule.charge_nanos(nanos_from_cost(cost))


def price_detail(basis: Basis, cost: object, rule: PriceRule, amount_nanos: int) -> dict[str, JsonValue]:
    """The arithmetic of a charge: the rule's formula, with `cost` as the provider's cost, gives `amount`.

    `basis` says what `cost` is. It is null for an estimate (`input`, `count`, `hold`), which no formula made.
    """
    known = None if cost is None else format(Decimal(str(cost)), "f")
    return {
        "basis": basis,
        "cost": known,
        "formula": rule.formula if known is not None else None,
        "amount": format_nanos(amount_nanos),
    }


@dataclass(frozen=True, slots=True)
class CallRules:
    """The rules under which a call was admitted: one for each deployment that may serve it."""

    prices: PriceRule | CallPrices
    by_deployment: Mapping[tuple[str, str], PriceRule]  # (group asked for or fallen back to, deployment id)

    def rule_of(self, group: str | None, deployment_id: str | None, provider: str | None) -> PriceRule:
        """The rule of the deployment that served, by which its bound was made where it was known before."""
        known = self.by_deployment.get((group or "", deployment_id or ""))
        return known or self.prices.rule_for((group,) if group else (), provider_name(provider))


def rules_detail(rule: PriceRule, rules: Mapping[tuple[str, str], PriceRule]) -> dict[str, JsonValue]:
    """What a hold stores of its rules, for whoever settles it from the spend log; nothing for the default."""
    others: list[JsonValue] = [
        {"group": group, "deployment_id": deployment_id, "rule": other.detail()}
        for (group, deployment_id), other in rules.items()
        if other != rule
    ]
    if others:
        return {"rule": rule.detail(), "rules": others}
    return {} if rule == PriceRule() else {"rule": rule.detail()}


def rule_of_detail(detail: Json, group: str | None, deployment_id: str | None) -> PriceRule:
    """The rule that a hold's detail names for the deployment that served."""
    others = detail.get("rules")
    for other in others if isinstance(others, list) else ():
        if isinstance(other, dict) and (other["group"], other["deployment_id"]) == (group, deployment_id):
            return PriceRule.of_detail(cast(Json, other["rule"]))
    rule = detail.get("rule")
    return PriceRule.of_detail(rule) if isinstance(rule, dict) else PriceRule()


def provider_name(provider: str | None) -> str | None:
    """One name for a provider that LiteLLM calls by several, by the kind of call."""
    return _ONE_PROVIDER.get(provider, provider) if provider else None


def served_by(kwargs: Mapping[str, object]) -> tuple[str | None, str | None, str | None]:
    """Group, deployment id and provider that served, from the `kwargs` of a LiteLLM logging event."""
    payload = _mapping(kwargs.get("standard_logging_object"))
    group, provider = _text(payload.get("model_group")), _text(payload.get("custom_llm_provider"))
    return group, _text(payload.get("model_id")), provider


def charge_detail(kwargs: Mapping[str, object], rule: PriceRule) -> Json:
    """What a charge stores about its price, from the `kwargs` of a LiteLLM logging event.

    Keys: `model` (the group asked for), `provider_model`, `provider`, `deployment_id`, `tokens` (prompt,
    completion, total, cached, cache_write, reasoning), `unit_prices` (decimal strings a token, of the
    deployment that served), `provider_cost` (decimal string, exactly LiteLLM's number), `cache_hit`,
    `service_tier`, `response_id` (by which LiteLLM names its spend log row), `rule`. Facts that LiteLLM does
    not give are null, never guessed.
    """
    payload = _mapping(kwargs.get("standard_logging_object"))
    breakdown = _mapping(payload.get("cost_breakdown"))
    cost = payload.get("response_cost", kwargs.get("response_cost"))
    return {
        "model": _text(payload.get("model_group")) or _text(payload.get("model")),
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
    usage = _mapping(_mapping(payload.get("metadata")).get("usage_object"))
    prompt = _mapping(usage.get("prompt_tokens_details"))
    completion = _mapping(usage.get("completion_tokens_details"))
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
    sources = tuple(_price_sources(kwargs, payload))
    prices: dict[str, JsonValue] = {}
    for name in _UNIT_PRICES:
        price = next((source[name] for source in sources if source.get(name) is not None), None)
        if price is not None and (text := _plain(price)) is not None:
            prices[name] = text
    return prices


def _price_sources(
    kwargs: Mapping[str, object], payload: Mapping[str, object]
) -> Iterator[Mapping[str, object]]:
    params = _mapping(kwargs.get("litellm_params"))
    yield params
    for bucket in ("metadata", "litellm_metadata"):
        yield _mapping(_mapping(params.get(bucket)).get("model_info"))
    yield _mapping(_mapping(payload.get("model_map_information")).get("model_map_value"))


def _plain(price: object) -> str | None:
    """A price as a decimal string without exponent: 1.5e-07 → "0.00000015"; None for what is no number."""
    try:
        return format(Decimal(str(price)), "f")
    except InvalidOperation:
        return None


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
