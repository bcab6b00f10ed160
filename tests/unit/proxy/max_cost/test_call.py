"""The arithmetic of holds: never below the parts, and what is affordable fits."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from billing.proxy.max_cost import MaxCost

MAX_COST = MaxCost(
    model="m",
    free=False,
    input_nanos=1_000,
    input_charge_nanos=400,
    output_nanos_per_token=Decimal("2.5"),
    fixed_nanos=30,
    floor_nanos=0,
    output_tokens=100,
    output_limit_field="max_tokens",
    client_set_limit=True,
)

bounds = st.builds(
    MaxCost,
    model=st.just("m"),
    free=st.just(False),
    input_nanos=st.integers(0, 10**12),
    input_charge_nanos=st.just(0),
    output_nanos_per_token=st.decimals(0, 10**7, places=6, allow_nan=False),
    fixed_nanos=st.integers(0, 10**9),
    floor_nanos=st.integers(0, 10**9),
    output_tokens=st.integers(1, 10**6),
    output_limit_field=st.just("max_tokens"),
    client_set_limit=st.booleans(),
)


class TestAmount:
    def test_is_input_and_fixed_and_output_rounded_up(self) -> None:
        assert MAX_COST.amount_nanos() == 1_000 + 30 + 250
        assert MAX_COST.amount_nanos(1) == 1_000 + 30 + 3

    def test_is_at_least_the_floor(self) -> None:
        assert replace(MAX_COST, floor_nanos=9_999).amount_nanos() == 9_999

    def test_of_a_call_that_rounds_to_nothing_is_one_nano_and_of_a_free_one_nothing(self) -> None:
        nothing = replace(MAX_COST, input_nanos=0, fixed_nanos=0, output_nanos_per_token=Decimal(0))
        assert nothing.amount_nanos() == 1
        assert replace(nothing, free=True).amount_nanos() == 0

    @given(bounds, st.integers(0, 10**6), st.integers(0, 10**6))
    def test_grows_with_the_limit(self, max_cost: MaxCost, one: int, other: int) -> None:
        small, large = sorted((one, other))
        assert max_cost.amount_nanos(small) <= max_cost.amount_nanos(large)


class TestAffordable:
    @given(bounds, st.integers(-(10**12), 10**13))
    def test_limit_fits_and_one_more_does_not(self, max_cost: MaxCost, available: int) -> None:
        tokens = max_cost.affordable_output_tokens(available)
        assert 0 <= tokens <= max_cost.output_tokens
        if tokens > 0:
            assert max_cost.amount_nanos(tokens) <= available
        if tokens < max_cost.output_tokens:
            assert max_cost.amount_nanos(tokens + 1) > available

    def test_is_nothing_where_not_even_the_input_fits(self) -> None:
        assert MAX_COST.affordable_output_tokens(1_029) == 0
        assert MAX_COST.affordable_output_tokens(1_033) == 1

    def test_of_a_free_call_is_everything(self) -> None:
        assert replace(MAX_COST, free=True).affordable_output_tokens(0) == 100
