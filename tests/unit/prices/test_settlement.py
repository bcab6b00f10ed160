"""The settlements of calls: one form, whoever learned what the call cost."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from billing.errors import InvalidAmount
from billing.ledger.endings import Ending
from billing.ledger.schemas import Hold, HoldStatus, Json, Payer, Settlement, TransactionKind
from billing.prices.rule import PriceRule
from billing.prices.settlement import (
    ChargedCall,
    additional_charge,
    call_of_hold,
    estimated_settlement,
    model_of,
    priced_settlement,
    reduced_settlement,
)

ALICE = Payer("user_id", "alice")
RULE = PriceRule(Decimal(2), fee_nanos=500, floor_nanos=700, id="price_1", source="api")
CALL = ChargedCall("call_1", ALICE, {"model": "m", "route": "/v1"}, "served")


def priced(**changes: object) -> Settlement:
    known = {"basis": "provider_cost", "cost": Decimal("0.000002"), "rule": RULE} | changes
    return priced_settlement(CALL, Ending.FINISHED, **known)  # type: ignore[arg-type]  # a test's defaults


class TestPriced:
    def test_stores_call_ending_rule_price_and_facts(self) -> None:
        settlement = priced(note="from somewhere", facts={"model": "served", "tokens": 3})
        assert settlement == Settlement(
            key="call_1",
            amount_nanos=4_500,
            ending="finished",
            description="served: from somewhere",
            payer=ALICE,
            detail={
                "model": "served",
                "route": "/v1",
                "ending": "finished",
                "rule": RULE.detail(),
                "price": {
                    "basis": "provider_cost",
                    "cost": "0.000002",
                    "formula": RULE.formula,
                    "amount": "0.0000045",
                },
                "tokens": 3,
            },
        )

    def test_without_a_note_is_described_by_its_model(self) -> None:
        assert priced().description == "served"

    def test_costs_no_fee_where_nothing_is_due(self) -> None:
        assert (
            priced(cost=Decimal(0)).amount_nanos,
            priced(cost=Decimal(0), is_waived=True).amount_nanos,
        ) == (
            700,
            0,
        )

    @pytest.mark.parametrize("cost", [None, float("nan"), -1, "much"])
    def test_is_refused_without_a_cost(self, cost: object) -> None:
        with pytest.raises(InvalidAmount):
            priced(cost=cost)


def test_an_estimate_says_so_and_names_no_formula() -> None:
    settlement = estimated_settlement(
        CALL, Ending.NO_EVENT, basis="input", amount_nanos=70, rule=RULE, note="input only"
    )
    assert (settlement.estimate, settlement.amount_nanos) == (True, 70)
    assert settlement.description == "served: input only"
    price = {"basis": "input", "cost": None, "formula": None, "amount": "0.00000007"}
    assert settlement.detail["price"] == price


class TestReduced:
    def test_says_what_was_paid_before(self) -> None:
        settlement = reduced_settlement(priced(), 4_000)
        assert (settlement.amount_nanos, settlement.detail["paid_before"]) == (4_000, "0.0000005")

    def test_to_the_same_amount_is_the_same(self) -> None:
        assert reduced_settlement(priced(), 4_500) == priced()


def test_an_additional_charge_has_a_key_of_its_own_and_names_the_hold() -> None:
    entry = additional_charge(priced(), ALICE, "litellm-2")
    assert (entry.kind, entry.amount_nanos) == (TransactionKind.CHARGE, -4_500)
    assert (entry.source_key, entry.hold_key) == ("charge:call_1:litellm-2", "call_1")
    assert (entry.payer, entry.detail) == (ALICE, priced().detail)


def test_the_call_of_a_hold_leaves_out_the_rules_of_who_might_have_served() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    detail: Json = {"model": "m", "rule": RULE.detail(), "rules": []}
    hold = Hold("call_1", ALICE, 9, 1, HoldStatus.OPEN, None, None, detail, now, now, 0)
    assert call_of_hold(hold) == ChargedCall("call_1", ALICE, {"model": "m", "rule": RULE.detail()}, "m")


@pytest.mark.parametrize("detail", [{}, {"model": None}, {"model": ""}])
def test_a_call_without_a_model_is_called_a_call(detail: Json) -> None:
    assert model_of(detail) == "call"
