"""Translates LiteLLM's success events into `SuccessEvent`s, which everything else works with."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from pydantic import JsonValue

from billing.ledger.schemas import Json
from billing.proxy.calls.call import Call
from billing.proxy.calls.success_event import SuccessEvent

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
_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")
# Call types that always use something, however little their events report.
_NEVER_FREE = frozenset(
    (
        "aimage_generation", "aimage_edit", "aspeech", "atranscription", "arerank", "aocr", "asearch",
        "aresponses", "acompact_responses", "agenerate_content", "agenerate_content_stream",
    )
)  # fmt: skip
# Those that use tokens: for a complete answer without tokens, the provider did not report its usage.
_COUNTED_IN_TOKENS = frozenset({"acompletion", "atext_completion", "aembedding", "anthropic_messages"})
_TABLES = (dict, Mapping)  # checking an abstract class takes ten times as long
_NOTHING: Mapping[str, object] = {}


def success_event(kwargs: Mapping[str, object], call: Call | None) -> SuccessEvent:
    """Translates the `kwargs` of a success event that arrived in the context of `call`.

    A bridge makes its call outside the router, so nothing replaces the client's `metadata` about group,
    deployment and price: for such an event they are ignored.
    """
    payload = _mapping(kwargs.get("standard_logging_object"))
    params = _mapping(kwargs.get("litellm_params"))
    event_id = str(kwargs.get("litellm_call_id"))
    group, deployment_id = _text(payload.get("model_group")), _text(payload.get("model_id"))
    buckets = [_mapping(params.get(bucket)) for bucket in _BUCKETS]
    if (
        deployment_id is None
        and call is not None
        and call.upstream.may_be_bridged
        and event_id != call.upstream.main_id
    ):
        group, buckets = None, [_NOTHING, _NOTHING]
    model = _mapping(_mapping(payload.get("model_map_information")).get("model_map_value"))
    context = model.get("max_input_tokens")
    return SuccessEvent(
        id=event_id,
        group=group,
        deployment_id=deployment_id,
        provider=_text(payload.get("custom_llm_provider")),
        is_chat=kwargs.get("call_type") == "acompletion",
        is_streamed=kwargs.get("stream") is True,
        is_cut=buckets[0].get("client_disconnected") is True,
        is_cached=kwargs.get("cache_hit") is True,
        cost=cost_of(kwargs),
        saved_cost=payload.get("saved_cache_cost") or None,
        usage=_usage(payload) or {name: payload.get(name) for name in _COUNTS},
        context_tokens_max=context if isinstance(context, int) else None,
        facts=_facts(
            kwargs, payload, (params, *(_mapping(each.get("model_info")) for each in buckets), model)
        ),
    )


def cost_of(kwargs: Mapping[str, object]) -> object:
    """Returns the provider cost that LiteLLM's spend log has, or None if LiteLLM does not know it.

    `kwargs["response_cost"]` is None for an unpriced call, while the logging payload turns that into 0; a 0
    with tokens used and no cache hit means the same. So does a 0 for calls not counted in tokens (a provider
    that reports no searches), or for an answer whose tokens nobody reported. The cost of a stream without
    usage is counted elsewhere. Only a deployment that is declared free costs 0, which is not checked here.
    """
    if kwargs.get("response_cost") is None:
        return None
    logged = _mapping(kwargs.get("standard_logging_object"))
    cost = logged.get("response_cost", kwargs["response_cost"])
    call_type = kwargs.get("call_type")
    in_one_piece = call_type in _COUNTED_IN_TOKENS and kwargs.get("stream") is not True
    used = logged.get("total_tokens") or in_one_piece or call_type in _NEVER_FREE
    if cost == 0 and used and not kwargs.get("cache_hit"):
        return None
    return cost


def _facts(
    kwargs: Mapping[str, object], payload: Mapping[str, object], prices: tuple[Mapping[str, object], ...]
) -> Json:
    """Returns what a charge stores of an event.

    Keys: `provider_model`, `provider`, `deployment_id`, `tokens` (prompt,
    completion, total, cached, cache_write, reasoning), `unit_prices` (decimal strings a token, of the
    deployment that served), `provider_cost` (decimal string, exactly LiteLLM's number), `cache_hit`,
    `service_tier`, `response_id` (by which LiteLLM names its spend log row). Facts that LiteLLM does not give
    are null, never guessed.
    """
    breakdown = _mapping(payload.get("cost_breakdown"))
    cost = payload.get("response_cost", kwargs.get("response_cost"))
    return {
        "provider_model": _text(payload.get("model")),
        "provider": _text(payload.get("custom_llm_provider")),
        "deployment_id": _text(payload.get("model_id")),
        "tokens": _tokens(payload),
        "unit_prices": _unit_prices(prices),
        "provider_cost": None if cost is None else str(cost),
        "cache_hit": payload.get("cache_hit") is True,
        "service_tier": _text(breakdown.get("service_tier")),
        "response_id": _text(payload.get("id")),
    }


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, _TABLES) else _NOTHING


def _usage(payload: Mapping[str, object]) -> Mapping[str, object]:
    return _mapping(_mapping(payload.get("metadata")).get("usage_object"))


def _tokens(payload: Mapping[str, object]) -> dict[str, JsonValue]:
    usage = _usage(payload)
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


def _unit_prices(sources: tuple[Mapping[str, object], ...]) -> dict[str, JsonValue]:
    """Returns the token prices of the deployment that served: its own before those of LiteLLM's price map."""
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
    """Formats a price as a decimal string without exponent: 1.5e-07 → "0.00000015"; None if not a number."""
    try:
        return format(Decimal(str(price)), "f")
    except InvalidOperation:
        return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
