"""The response headers of a billed key: adds `x-billing-…`, removes those meant for the operator."""

from __future__ import annotations

from starlette.datastructures import Headers

from billing.errors import InvalidAmount
from billing.money import format_nanos, nanos_from_cost
from billing.proxy.admitted.call import Admission
from billing.proxy.calls.call import Call

_LITELLM_COST = b"x-litellm-response-cost"
_LITELLM_CACHE = b"x-litellm-cache-key"  # set on an answer from its cache
_LITELLM_GROUP = b"x-litellm-model-group"
_LITELLM_DEPLOYMENT = b"x-litellm-model-id"
# The provider's address and its own headers: its organization, its rate limits for the operator's key.
_OPERATORS = (b"x-litellm-model-api-base", b"llm_provider-")

RawHeaders = list[tuple[bytes, bytes]]


def customers_headers(headers: RawHeaders) -> RawHeaders:
    """Returns those of LiteLLM's headers that a customer may see."""
    return [header for header in headers if not header[0].lower().startswith(_OPERATORS)]


def billing_headers(call: Call, response_headers: Headers) -> dict[str, str]:
    """Returns our call id, the available balance, and the cost if it is known before the body.

    Empty for a call that was not admitted. LiteLLM sends the cost of a non-streamed answer in
    `x-litellm-response-cost`; ours is that cost by the customer's rule. For an answer from its cache LiteLLM
    names what the provider would have charged, which nobody pays: that cost is left out.
    """
    admission = call.admission
    if admission is None:
        return {}
    headers = {
        "x-billing-call-id": call.id,
        "x-billing-available": format_nanos(admission.available_nanos),
    }
    cost = _cost(admission, response_headers)
    if cost is not None:
        headers["x-billing-cost"] = cost
    return headers


def _cost(admission: Admission, response_headers: Headers) -> str | None:
    first = dict(reversed(response_headers.raw))  # one pass over thirty headers instead of many
    provider_cost = first.get(_LITELLM_COST)
    if provider_cost is None or _LITELLM_CACHE in first:
        return None
    group, deployment_id = _text(first.get(_LITELLM_GROUP)), _text(first.get(_LITELLM_DEPLOYMENT))
    rule = admission.rule_of(group, deployment_id, None)
    try:
        return format_nanos(rule.charge_nanos(nanos_from_cost(_text(provider_cost))))
    except InvalidAmount:
        return None


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
