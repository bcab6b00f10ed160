"""Our price rule, and what a charge stores about its price."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.errors import InvalidAmount
from billing.money import nanos_from_cost
from billing.proxy.price import PriceRule, charge_detail, charge_nanos_of

rules = st.builds(
    PriceRule,
    multiplier=st.decimals(0, 100, places=6),
    fee_nanos=st.integers(0, 10**9),
    floor_nanos=st.integers(0, 10**9),
)
costs = st.decimals(0, 10**6, places=12)


class TestRule:
    def test_without_terms_charges_the_cost_half_even(self) -> None:
        assert charge_nanos_of(1.25e-05, PriceRule()) == 12_500
        assert charge_nanos_of("0.0000000005", PriceRule()) == 0
        assert charge_nanos_of("0.0000000015", PriceRule()) == 2

    def test_multiplies_before_it_rounds_and_adds_the_fee_after(self) -> None:
        assert charge_nanos_of("0.000000001", PriceRule(Decimal("1.6"), fee_nanos=10)) == 12

    def test_floor_is_the_least(self) -> None:
        assert charge_nanos_of(0, PriceRule(floor_nanos=500)) == 500
        assert charge_nanos_of(1, PriceRule(floor_nanos=500)) == 10**9

    @pytest.mark.parametrize("cost", [None, True, float("nan"), float("inf"), -1e-9, "x", [1]])
    def test_an_unknown_cost_is_not_zero(self, cost: object) -> None:
        with pytest.raises(InvalidAmount):
            charge_nanos_of(cost, PriceRule())

    @pytest.mark.parametrize(
        "terms",
        [
            {"multiplier": Decimal(-1)},
            {"multiplier": Decimal("NaN")},
            {"multiplier": Decimal("Infinity")},
            {"fee_nanos": -1},
            {"floor_nanos": -1},
        ],
    )
    def test_refuses_terms_that_would_break_the_bound(self, terms: dict[str, Decimal]) -> None:
        with pytest.raises(ValueError, match="not negative"):
            PriceRule(**terms)  # type: ignore[arg-type]  # one wrong term at a time

    @given(rules, costs, costs)
    def test_a_bound_of_a_larger_cost_covers_the_charge_of_a_smaller(
        self, rule: PriceRule, one: Decimal, other: Decimal
    ) -> None:
        small, large = sorted((nanos_from_cost(one), nanos_from_cost(other)))
        assert rule.charge_nanos(small) <= rule.charge_nanos(large) <= rule.bound_nanos(large)


class TestDetail:
    EVENT = {  # noqa: RUF012 - read only
        "litellm_params": {"input_cost_per_token": 2e-6, "metadata": {"model_info": {"id": "d1"}}},
        "standard_logging_object": {
            "id": "resp_1",
            "model": "gpt-4o-mini",
            "model_group": "chat",
            "custom_llm_provider": "openai",
            "model_id": "d1",
            "prompt_tokens": 100,
            "completion_tokens": 20,
            "total_tokens": 120,
            "response_cost": 1.2345e-05,
            "cost_breakdown": {"service_tier": "priority"},
            "model_map_information": {
                "model_map_value": {"input_cost_per_token": 1.5e-07, "output_cost_per_token": 6e-07}
            },
            "metadata": {
                "usage_object": {
                    "prompt_tokens_details": {"cached_tokens": 40, "cache_creation_tokens": 7},
                    "completion_tokens_details": {"reasoning_tokens": 5},
                }
            },
        },
    }

    def test_has_model_tokens_prices_cost_and_rule(self) -> None:
        assert charge_detail(self.EVENT, PriceRule(Decimal("1.2"), 3, 4)) == {
            "model": "chat",
            "provider_model": "gpt-4o-mini",
            "provider": "openai",
            "deployment_id": "d1",
            "tokens": {
                "prompt": 100,
                "completion": 20,
                "total": 120,
                "cached": 40,
                "cache_write": 7,
                "reasoning": 5,
            },
            "unit_prices": {"input_cost_per_token": "0.000002", "output_cost_per_token": "0.0000006"},
            "provider_cost": "1.2345e-05",
            "cache_hit": False,
            "service_tier": "priority",
            "response_id": "resp_1",
            "rule": {"multiplier": "1.2", "fee_nanos": 3, "floor_nanos": 4},
        }

    def test_of_an_event_without_facts_has_nulls(self) -> None:
        detail = charge_detail({}, PriceRule())
        assert detail["model"] is None
        assert detail["provider_cost"] is None
        assert detail["unit_prices"] == {}

    def test_reads_anthropics_names_of_cache_tokens(self) -> None:
        usage = {"cache_read_input_tokens": 9, "cache_creation_input_tokens": 8}
        event = {"standard_logging_object": {"metadata": {"usage_object": usage}}}
        tokens = charge_detail(event, PriceRule())["tokens"]
        assert isinstance(tokens, dict)
        assert (tokens["cached"], tokens["cache_write"]) == (9, 8)
