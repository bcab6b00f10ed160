"""Credit from the operator."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from tests.integration.conftest import People
from tests.integration.plain_gateway import Gateway, Json


def credit(people: People, **more: str) -> dict[str, object]:
    return {"customer_id": people.alice_id, "amount": "2.50", "reason": "Sorry", **more}


class TestWhoGives:
    async def test_only_an_admin(self, gateway: Gateway, people: People) -> None:
        for key, status in ((None, 401), ("sk-blocked", 401), (people.alice, 403), (people.viewer, 403)):
            response = await gateway.post("/stripe/credits", key, credit(people))
            assert response.status_code == status
        assert await gateway.balance(people.alice) == 0


class TestACredit:
    async def test_it_adds_to_the_balance_and_says_who_gave_it(
        self, gateway: Gateway, people: People
    ) -> None:
        response = await gateway.post("/stripe/credits", people.admin, credit(people))
        line: Json = response.raise_for_status().json()
        assert (line["type"], line["amount"], line["balance_after"]) == ("credit", "2.50", "2.50")
        assert (line["customer_type"], line["customer_id"]) == ("user_id", people.alice_id)
        assert line["detail"] == {"reason": "Sorry", "given_by": "operator"}
        balance = (await gateway.get("/stripe/balance", people.alice)).json()
        assert (balance["balance"], balance["total_topups"]) == ("2.50", "0.00")

    async def test_each_is_one_of_its_own_without_a_key(self, gateway: Gateway, people: People) -> None:
        for _ in range(2):
            (await gateway.post("/stripe/credits", people.admin, credit(people))).raise_for_status()
        assert await gateway.balance(people.alice) == Decimal("5.00")

    async def test_a_repeat_under_a_key_counts_once(self, gateway: Gateway, people: People) -> None:
        body = credit(people, idempotency_key=f"sorry-{people.alice_id}")
        answers = await asyncio.gather(
            *(gateway.post("/stripe/credits", people.admin, body) for _ in range(10))
        )
        assert len({answer.raise_for_status().json()["id"] for answer in answers}) == 1
        assert await gateway.balance(people.alice) == Decimal("2.50")

    async def test_a_key_used_for_something_else_is_a_conflict(
        self, gateway: Gateway, people: People
    ) -> None:
        key = f"sorry-{people.alice_id}"
        (
            await gateway.post("/stripe/credits", people.admin, credit(people, idempotency_key=key))
        ).raise_for_status()
        for change in ({"amount": "2.51"}, {"customer_id": people.bob_id}):
            body = credit(people, idempotency_key=key, **change)
            response = await gateway.post("/stripe/credits", people.admin, body)
            assert (response.status_code, response.json()["error"]["code"]) == (409, "key_conflict")
        assert await gateway.balance(people.alice) == Decimal("2.50")
        assert await gateway.balance(people.bob) == 0
