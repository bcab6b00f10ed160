"""The response headers of a billed key: adds `x-billing-…`, removes those meant for the operator.

Every cost in them is the charge: the provider's is the operator's own affair.
"""

from __future__ import annotations

import re
from decimal import Decimal

from billing.errors import InvalidAmount
from billing.money import format_nanos, nanos_from_cost
from billing.prices.rule import PriceRule
from billing.proxy.admitted.usage_check import is_absurd_charge
from billing.proxy.calls.call import Call
from billing.settings import CacheHitCharge

_ERRORS = 400
_NOTHING = Decimal(0)
_LITELLM_COST = b"x-litellm-response-cost"
_LITELLM_CACHE = b"x-litellm-cache-key"  # set on an answer from its cache
_LITELLM_GROUP = b"x-litellm-model-group"
_LITELLM_DEPLOYMENT = b"x-litellm-model-id"
# The provider's address and its own headers: its organization, its rate limits for the operator's key.
_OPERATORS = (b"x-litellm-model-api-base", b"llm_provider-")
# LiteLLM's own figures: `x-litellm-response-cost` and its parts, `-margin-…`, `x-litellm-key-spend`, …
_PROVIDER_COST = re.compile(rb"x-litellm-(?:.*-)?(?:cost|spend)(?:-.*)?")

RawHeaders = list[tuple[bytes, bytes]]


def customers_headers(headers: RawHeaders) -> RawHeaders:
    """Returns those of LiteLLM's headers that a customer may see."""
    return [header for header in headers if not header[0].lower().startswith(_OPERATORS)]


def charged_headers(headers: RawHeaders, charge: str | None) -> RawHeaders:
    """Returns the headers without LiteLLM's costs.

    `x-litellm-response-cost` gets the charge as its value if that is known; it is not added.
    """
    charged: RawHeaders = []
    for name, value in headers:
        lower = name.lower()
        if not _PROVIDER_COST.fullmatch(lower):
            charged.append((name, value))
        elif lower == _LITELLM_COST and charge is not None:
            charged.append((name, charge.encode()))
    return charged


def billing_headers(call: Call, charge: str | None) -> dict[str, str]:
    """Returns our call id, the available balance, and the charge if it is known before the body.

    Empty for a call that was not admitted.
    """
    admission = call.admission
    if admission is None:
        return {}
    headers = {
        "x-billing-call-id": call.id,
        "x-billing-available": format_nanos(admission.available_nanos),
    }
    if charge is not None:
        headers["x-billing-cost"] = charge
    return headers


def known_charge(
    call: Call, status: int, response_headers: RawHeaders, cache_hits: CacheHitCharge
) -> str | None:
    """Returns the charge of an answer, in major units; None if it is not known before the body.

    LiteLLM sends the cost of a non-streamed answer in `x-litellm-response-cost`; the charge is that cost by
    the customer's rule. For an answer from its cache, LiteLLM names what the provider would have charged:
    what is charged instead is known unless it is the full price, which LiteLLM computes anew.
    """
    first = dict(reversed(response_headers))  # one pass over thirty headers instead of many
    provider_cost, admission = first.get(_LITELLM_COST), call.admission
    is_cached = call.from_cache or _LITELLM_CACHE in first
    if admission is None or status >= _ERRORS or (provider_cost is None and not is_cached):
        return None
    group, deployment_id = _text(first.get(_LITELLM_GROUP)), _text(first.get(_LITELLM_DEPLOYMENT))
    if admission.free or admission.declared_free(group, deployment_id):
        return format_nanos(0)
    rule = admission.rule_of(group, deployment_id, None)
    if not is_cached:
        return _charge(rule, _text(provider_cost), admission.hold_nanos)
    if cache_hits == "full" and not rule.free:
        return None
    return format_nanos(rule.charge_nanos(_NOTHING) if cache_hits == "rule" else 0)


def _charge(rule: PriceRule, provider_cost: str | None, hold_nanos: int) -> str | None:
    """Applies the rule; None for a cost that is not charged: 0, which LiteLLM does not know, or absurd."""
    try:
        cost_nanos = nanos_from_cost(provider_cost)
        amount_nanos = rule.charge_nanos(cost_nanos)
    except InvalidAmount:
        return None
    is_charged = rule.free or (cost_nanos and not is_absurd_charge(amount_nanos, hold_nanos))
    return format_nanos(amount_nanos) if is_charged else None


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
