"""`/stripe/review`: calls that wait for a price are charged what they cost, once the operator says it."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest
from pydantic import JsonValue

from billing.ledger.schemas import Entry, HoldRequest, Payer, Settlement, TransactionKind
from billing.prices.rule import DEFAULT, PriceRule
from tests.integration.conftest import People
from tests.integration.plain_gateway import Gateway

UNIT = 1_000_000_000


class TestCallsThatWaitForAPrice:
    async def test_are_listed_and_charged_their_real_cost_by_their_rule(
        self, gateway: Gateway, people: People
    ) -> None:
        call_id = await unpriced(gateway, people, PriceRule(Decimal(2), fee_nanos=1000))
        assert call_id in await waiting(gateway, people)
        body = {"cost": "0.25", "reason": "the provider's invoice"}
        first = await gateway.post(f"/stripe/review/{call_id}", people.admin, body)
        assert first.json()["charged"] == "0.500001"
        again = await gateway.post(f"/stripe/review/{call_id}", people.admin, body)
        assert (again.json()["charged"], again.json()["changed"]) == ("0.500001", False)
        assert call_id not in await waiting(gateway, people)
        assert await gateway.balance(people.alice) == Decimal(10) - Decimal("0.500001")
        other = await gateway.post(f"/stripe/review/{call_id}", people.admin, {**body, "cost": "0.26"})
        assert other.status_code == 409
        charge, reversal, _, _ = (await gateway.get("/stripe/transactions", people.alice)).json()["data"]
        assert charge["detail"]["price"]["cost"] == "0.25"
        assert charge["detail"]["priced_by"] == "operator"
        assert reversal["type"] == "reversal"
        assert await gateway.billing.ledger.verify() == []

    async def test_may_have_cost_nothing(self, gateway: Gateway, people: People) -> None:
        call_id = await unpriced(gateway, people, DEFAULT)
        body = {"cost": "0", "reason": "the provider's fault"}
        assert (await gateway.post(f"/stripe/review/{call_id}", people.admin, body)).json()[
            "charged"
        ] == "0.00"
        assert await gateway.balance(people.alice) == 10
        assert call_id not in await waiting(gateway, people)

    @pytest.mark.parametrize("cost", ["-1", "-0", "NaN", "inf", "", "1,5", "10001", "0." + "0" * 20 + "1"])
    async def test_are_not_priced_by_what_is_no_cost(
        self, gateway: Gateway, people: People, cost: str
    ) -> None:
        call_id = await unpriced(gateway, people, DEFAULT)
        body = {"cost": cost, "reason": "x"}
        assert (await gateway.post(f"/stripe/review/{call_id}", people.admin, body)).status_code == 400
        assert await gateway.balance(people.alice) == 8

    async def test_are_not_running_nor_unknown(self, gateway: Gateway, people: People) -> None:
        call_id = await unpriced(gateway, people, DEFAULT, settled=False)
        body = {"cost": "1", "reason": "x"}
        assert (await gateway.post(f"/stripe/review/{call_id}", people.admin, body)).status_code == 409
        assert (await gateway.post("/stripe/review/call_none", people.admin, body)).status_code == 404


async def unpriced(gateway: Gateway, people: People, rule: PriceRule, *, settled: bool = True) -> str:
    """Alice, with 10, made a call that was held for 2 and charged that."""
    call_id, payer, ledger = f"call_{uuid4().hex}", Payer("user_id", people.alice_id), gateway.billing.ledger
    await ledger.post(Entry(payer, TransactionKind.CREDIT, 10 * UNIT, f"credit:{call_id}", "test"))
    await ledger.hold(HoldRequest(call_id, payer, 2 * UNIT, 0, 60))
    if settled:
        detail: dict[str, JsonValue] = {"model": "m", "ending": "finished_unpriced", "rule": rule.detail()}
        await ledger.settle(
            Settlement(call_id, 2 * UNIT, "finished_unpriced", "at the hold", estimate=True, detail=detail)
        )
    return call_id


async def waiting(gateway: Gateway, people: People) -> list[str]:
    answer = await gateway.get("/stripe/review", people.viewer)
    return [call["call_id"] for call in answer.json()["data"]]
