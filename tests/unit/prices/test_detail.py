"""What a rule charges, and what holds and charges store of it."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.errors import InvalidAmount
from billing.money import nanos_from_cost
from billing.prices.detail import charge_nanos_of, price_detail, rule_of_detail, rules_detail
from billing.prices.rule import PriceRule

rules = st.builds(
    PriceRule,
    multiplier=st.decimals(0, 1000, places=9),
    fee_nanos=st.integers(0, 10**9),
    floor_nanos=st.integers(0, 10**9),
    free=st.booleans(),
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
    def test_refuses_terms_that_would_break_the_max_cost(self, terms: dict[str, Decimal]) -> None:
        with pytest.raises(ValueError, match=r"must .*not.* negative"):
            PriceRule(**terms)  # type: ignore[arg-type]  # one wrong term at a time

    @given(rules, costs, costs)
    def test_the_max_cost_of_a_larger_cost_covers_the_charge_of_a_smaller(
        self, rule: PriceRule, one: Decimal, other: Decimal
    ) -> None:
        small, large = sorted((nanos_from_cost(one), nanos_from_cost(other)))
        assert rule.charge_nanos(small) <= rule.charge_nanos(large) <= rule.max_cost_nanos(large)


class TestArithmetic:
    """What a charge stores is enough to repeat it."""

    @given(rules, costs)
    def test_of_a_charge_repeats_from_what_it_stores(self, rule: PriceRule, cost: Decimal) -> None:
        amount_nanos = charge_nanos_of(str(cost), rule)
        stored = json.loads(
            json.dumps(
                {"rule": rule.detail(), "price": price_detail("provider_cost", cost, rule, amount_nanos)}
            )
        )
        assert by_hand(stored) == Fraction(stored["price"]["amount"]) == Fraction(amount_nanos, 10**9)

    @given(rules, costs, st.sampled_from(["group", "other"]), st.sampled_from(["d1", "d2"]))
    def test_a_hold_gives_its_rules_back(
        self, rule: PriceRule, cost: Decimal, group: str, deployment_id: str
    ) -> None:
        other = PriceRule(Decimal(7), free=False, id="price_2", source="api")
        by_deployment = {("group", "d1"): rule, ("other", "d2"): other}
        detail = json.loads(json.dumps(rules_detail(rule, by_deployment)))
        expected = by_deployment.get((group, deployment_id), rule)
        found = rule_of_detail(detail, group, deployment_id)
        assert charge_nanos_of(str(cost), found) == charge_nanos_of(str(cost), expected)

    def test_the_default_rule_adds_nothing_to_a_hold(self) -> None:
        assert rules_detail(PriceRule(), {}) == rules_detail(PriceRule(), {("g", "d"): PriceRule()}) == {}
        assert rule_of_detail({}, "g", "d") == PriceRule()

    def test_a_free_rule_charges_nothing_whatever_the_cost(self) -> None:
        free = PriceRule(free=True)
        assert charge_nanos_of(10**6, free) == free.max_cost_nanos(Decimal(10**15)) == 0
        assert rule_of_detail({"rule": free.detail()}, None, None).free

    def test_is_exact_where_28_digits_are_not(self) -> None:
        """A product of 29 digits, rounded before it is rounded, would end on the other side of a half."""
        rule = PriceRule(Decimal("999.999999999"))
        cost = Decimal("12345.67890123456789")
        exact = Fraction(cost) * Fraction(rule.multiplier) * 10**9
        assert charge_nanos_of(str(cost), rule) == round(exact)


def by_hand(stored: dict[str, dict[str, str | bool]]) -> Fraction:
    """The arithmetic as the documentation says it, in fractions: no Decimal context, none of our code."""
    rule, price = stored["rule"], stored["price"]
    if rule["free"]:
        return Fraction(0)
    nano = Fraction(1, 10**9)
    times = Fraction(str(price["cost"])) * Fraction(str(rule["multiplier"]))
    rounded = round(times / nano) * nano  # Python rounds a Fraction half to even
    return max(Fraction(str(rule["floor"])), rounded + Fraction(str(rule["fee"])))
