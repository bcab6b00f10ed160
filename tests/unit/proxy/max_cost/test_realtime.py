"""What a realtime response can cost at most, against LiteLLM's own cost of what it used."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.errors import BadRequest, ModelNotPriced, RouteNotBillable
from billing.money import ceil_nanos, nanos_from_cost, round_nanos
from billing.prices.rule import PriceRule
from billing.proxy.max_cost.realtime import RealtimePrices, max_cost_of_session

MODELS = ("openai/gpt-realtime", "openai/gpt-realtime-2", "azure/gpt-realtime-mini")
ONCE = Decimal(1)


def prices_of(router: Any, rule: PriceRule = PriceRule(), **body: object) -> RealtimePrices:
    return max_cost_of_session({"model": "m", **body}, router, rule)[1]


def litellm_cost(litellm: Any, model: str, usage: dict[str, object]) -> float:
    from litellm.cost_calculator import (
        RealtimeAPITokenUsageProcessor,
        handle_realtime_stream_cost_calculation,
    )

    provider, name = model.split("/")
    events = [{"type": "response.done", "response": {"usage": usage}}]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # LiteLLM reads every attribute of a pydantic model, old names too
        combined = RealtimeAPITokenUsageProcessor.collect_and_combine_usage_from_realtime_stream_results(
            events
        )
        cost: float = handle_realtime_stream_cost_calculation(
            results=events,
            combined_usage_object=combined,
            custom_llm_provider=provider,
            litellm_model_name=name,
        )
    return cost


class TestResponse:
    @pytest.mark.parametrize("model", MODELS)
    def test_never_costs_more_than_its_max_cost(
        self, model: str, litellm: Any, router: Callable[..., Any], deployment: Callable[..., Any]
    ) -> None:
        prices = prices_of(router(deployment("m", model)))

        @given(data=st.data())
        def covers(data: st.DataObject) -> None:
            context = data.draw(st.integers(1, prices.context_tokens_max))
            audio, cached = (data.draw(st.integers(0, context)) for _ in range(2))
            output = data.draw(st.integers(0, prices.output_tokens_max))
            spoken = data.draw(st.integers(0, output))
            usage: dict[str, object] = {
                "input_tokens": context,
                "output_tokens": output,
                "total_tokens": context + output,
                "input_token_details": {
                    "audio_tokens": audio,
                    "text_tokens": context - audio,
                    "cached_tokens": min(cached, context - audio),
                },
                "output_token_details": {"audio_tokens": spoken, "text_tokens": output - spoken},
            }
            cost = nanos_from_cost(litellm_cost(litellm, model, usage))
            # Whole nanos, as they are charged: LiteLLM adds floats, and 0.08194 may be 0.08194000000000001.
            assert round_nanos(cost) <= ceil_nanos(prices.response_nanos(context))
            assert prices.needed_nanos(cost, context, ONCE) >= 2 * cost

        covers()

    def test_is_limited_by_the_highest_model_and_rule_of_the_group(
        self, router: Callable[..., Any], deployment: Callable[..., Any]
    ) -> None:
        dear, cheap = "openai/gpt-realtime", "openai/gpt-realtime-mini"
        both = prices_of(router(deployment("m", cheap), deployment("m", dear)))
        assert both.response_nanos(1000) == prices_of(router(deployment("m", dear))).response_nanos(1000)
        doubled = prices_of(router(deployment("m", dear)), PriceRule(multiplier=Decimal(2), fee_nanos=7))
        assert doubled.needed_nanos(Decimal(0), 1000, ONCE) == 2 * both.response_nanos(1000) + 7

    def test_is_limited_by_the_model_that_the_provider_says_it_is(
        self, router: Callable[..., Any], deployment: Callable[..., Any]
    ) -> None:
        prices = prices_of(router(deployment("m", "openai/gpt-realtime-mini")))
        dearer = prices.of_reported("gpt-realtime")
        assert dearer.response_nanos(1000) > prices.response_nanos(1000)
        assert prices.of_reported("a-model-nobody-knows") == prices


class TestAdmission:
    def test_holds_the_most_expensive_first_response(
        self, router: Callable[..., Any], deployment: Callable[..., Any]
    ) -> None:
        max_cost, prices = max_cost_of_session(
            {"model": "m"}, router(deployment("m", "openai/gpt-realtime")), PriceRule()
        )
        assert max_cost.amount_nanos() == prices.needed_nanos(Decimal(0), 2048, ONCE)
        assert max_cost.output_limit_field is None

    def test_is_free_where_every_deployment_is(
        self, router: Callable[..., Any], deployment: Callable[..., Any]
    ) -> None:
        free = deployment("m", "openai/gpt-realtime", info={"billing": "free"})
        max_cost, _ = max_cost_of_session({"model": "m"}, router(free), PriceRule())
        assert max_cost.free

    @pytest.mark.parametrize(
        ("model", "info"),
        [
            ("openai/own-model", {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6}),
            ("gemini/gemini-2.0-flash-live-001", {}),
            ("xai/grok-4", {}),
            ("openai/gpt-realtime-translate", {}),  # priced by the second
        ],
    )
    def test_refuses_what_has_no_certain_cost(
        self,
        model: str,
        info: dict[str, object],
        router: Callable[..., Any],
        deployment: Callable[..., Any],
    ) -> None:
        with pytest.raises(ModelNotPriced):
            max_cost_of_session({"model": "m"}, router(deployment("m", model, info=info)), PriceRule())

    def test_refuses_transcription_and_what_is_not_one_model(
        self, router: Callable[..., Any], deployment: Callable[..., Any]
    ) -> None:
        models = router(deployment("m", "openai/gpt-realtime"))
        with pytest.raises(RouteNotBillable):
            prices_of(models, query_params={"model": "m", "intent": "transcription"})
        for body in ({}, {"model": ""}, {"model": "m,m"}):
            with pytest.raises(BadRequest, match="one model"):
                max_cost_of_session(body, models, PriceRule())

    @pytest.mark.parametrize(("logged", "fine"), [("*", True), (["session.created"], False), ([], False)])
    def test_refuses_where_litellm_is_told_not_to_log_what_its_cost_is_made_from(
        self,
        logged: object,
        fine: bool,
        litellm: Any,
        monkeypatch: pytest.MonkeyPatch,
        router: Callable[..., Any],
        deployment: Callable[..., Any],
    ) -> None:
        models = router(deployment("m", "openai/gpt-realtime"))
        monkeypatch.setattr(litellm, "logged_real_time_event_types", logged)
        if fine:
            prices_of(models)
        else:
            with pytest.raises(ModelNotPriced):
                prices_of(models)
