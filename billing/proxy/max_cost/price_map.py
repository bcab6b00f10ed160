"""Finds the entry of LiteLLM's price map that a deployment will be billed by.

Follows `litellm.cost_calculator.select_model_name_for_cost_calc`: a deployment's own prices are registered
under its id; else those of its `base_model` apply; else those of the model, in the region it is called in.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from decimal import Decimal

from billing.errors import ModelNotPriced
from billing.proxy.max_cost.prices import is_token_price, price_of

Table = Mapping[str, object]

_LIMITS = ("max_input_tokens", "max_output_tokens", "max_tokens")


def price_entry(model: str, provider: str, bare: str, params: Table, info: Table) -> Table:
    """Returns the entry, with the limits that the operator set in `model_info`; empty if unknown.

    `model` is LiteLLM's name with provider, `bare` the one without; `params` and `info` are the deployment's
    `litellm_params` and `model_info`.
    """
    return merged_entry(listed_entry(model, provider, bare, params, info), own_entry(info), params, info)


def listed_entry(model: str, provider: str, bare: str, params: Table, info: Table) -> Table:
    """Returns the price map's current entry of the model or its `base_model`, not a copy."""
    import litellm

    base_model = info.get("base_model") or params.get("base_model")
    names = _names(model, provider, bare, params)
    if isinstance(base_model, str):
        names = (f"{provider}/{base_model}", base_model)
    return _listed(litellm.model_cost, names, provider)


def own_entry(info: Table) -> Table:
    """Returns the price map's current entry under the deployment's id, not a copy."""
    import litellm

    prices: Mapping[str, Table] = litellm.model_cost
    return prices.get(str(info.get("id")), {})


def merged_entry(listed: Table, registered: Table, params: Table, info: Table) -> Table:
    """Merges the entry from the price map and `registered`, the one under the deployment's id."""
    from litellm.litellm_core_utils.litellm_logging import use_custom_pricing_for_model

    limits = {name: info[name] for name in _LIMITS if info.get(name) is not None}
    if not use_custom_pricing_for_model({**params, "metadata": {"model_info": info}}):
        return {**listed, **limits}
    own = _given(registered)
    if not _has_token_price(own):
        return {**listed, **_given(params), **own, **limits}
    rest = {name: value for name, value in listed.items() if not is_token_price(name)}
    return {**rest, **own, **limits}


def _names(model: str, provider: str, bare: str, params: Table) -> tuple[str, ...]:
    names = (f"{provider}/{bare}", model, bare)
    if provider != "bedrock":
        return names
    region = (
        params.get("aws_region_name") or os.environ.get("AWS_REGION_NAME") or os.environ.get("AWS_REGION")
    )
    return (f"{provider}/{region}/{bare}", *names) if region else names


def _listed(prices: Mapping[str, Table], names: Sequence[str], provider: str) -> Table:
    """Returns the first entry with a token price; LiteLLM also registers names without prices."""
    for name in names:
        entry = prices.get(name)
        if entry is not None and _has_token_price(entry):
            return entry
    return _looked_up(prices, names[-1], provider)


def _has_token_price(entry: Table) -> bool:
    return any(map(is_token_price, entry))


def _looked_up(prices: Mapping[str, Table], name: str, provider: str) -> Table:
    """Uses LiteLLM's own, slower look-up: fine-tuned models, versions, other spellings."""
    import litellm

    try:
        key = litellm.get_model_info(model=name, custom_llm_provider=provider)["key"]
    except Exception:  # noqa: BLE001 - LiteLLM raises a bare Exception for an unknown model
        return {}
    return prices.get(key, {})


def _given(table: Table) -> Table:
    return {name: value for name, value in table.items() if value is not None}


def cost_adjustment(provider: str) -> tuple[Decimal, Decimal]:
    """Returns LiteLLM's own discount and margin of a provider, as a factor and an addition per call (major
    units).

    `response_cost` includes them (`cost_calculator._apply_cost_discount`, `_apply_cost_margin`).
    """
    import litellm

    factor = Decimal(1)
    if provider in litellm.cost_discount_config:
        factor -= Decimal(str(litellm.cost_discount_config[provider]))
    margins: Mapping[str, object] = litellm.cost_margin_config
    margin = margins.get(provider, margins.get("global"))
    if margin is None:
        return _checked(factor, provider), Decimal(0)
    if not isinstance(margin, Mapping):
        return _checked(factor * (1 + Decimal(str(margin))), provider), Decimal(0)
    share = 1 + Decimal(str(margin.get("percentage", 0)))
    fixed = price_of(margin.get("fixed_amount", 0), "cost_margin_config", provider)
    return _checked(factor * share, provider), fixed


def _checked(factor: Decimal, provider: str) -> Decimal:
    if not factor.is_finite() or factor < 0:
        raise ModelNotPriced(f"The cost margin or discount of {provider} makes costs negative.")
    return factor
