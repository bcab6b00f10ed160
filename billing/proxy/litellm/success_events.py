"""Translates LiteLLM's success events, once: what follows works on `SuccessEvent` alone."""

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
# LiteLLM's names of calls in its events that use something however little they say of it.
_NEVER_FREE = frozenset(
    (
        "aimage_generation", "aimage_edit", "aspeech", "atranscription", "arerank", "aocr", "asearch",
        "aresponses", "acompact_responses", "agenerate_content", "agenerate_content_stream",
    )
)  # fmt: skip
# Those that use tokens: an answer in one piece without any is one whose usage its provider left out.
_COUNTED_IN_TOKENS = frozenset({"acompletion", "atext_completion", "aembedding", "anthropic_messages"})
_TABLES = (dict, Mapping)  # to ask an abstract class takes ten times as long
_NOTHING: Mapping[str, object] = {}


def success_event(kwargs: Mapping[str, object], call: Call | None) -> SuccessEvent:
    """What the `kwargs` of a success event say, which came in the context of `call`.

    A bridge makes its call beside the router, so nobody writes over what the client's `metadata` says of
    group, deployment and price: of that event they are left out.
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
    """The provider cost as LiteLLM's spend log has it, or None where LiteLLM does not know it.

    `kwargs["response_cost"]` is None for an unpriced call, while the logging payload turns that into 0; a 0
    with tokens used and no cache hit is LiteLLM's way to say the same. So is a 0 for what is not counted in
    tokens (a provider that reports no searches), or for an answer whose tokens nobody reported. What a stream
    without usage costs is counted elsewhere. No deployment costs 0 but one that is declared free, which is
    not asked here.
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
    """What a charge stores of an event.

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
    """The prices a token of the deployment that served: its own before those of LiteLLM's price map."""
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
