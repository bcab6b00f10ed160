"""`/stripe/prices`: who may, what is refused, what stays as it was."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import psycopg
import pytest

from billing.errors import LedgerUnavailable
from billing.ledger.schemas import Payer
from billing.prices.rule import DEFAULT, PriceRule
from billing.prices.service import Prices
from tests.integration.conftest import People
from tests.integration.plain_gateway import Gateway, Json


def rule_for(gateway: Gateway, customer_id: str, model: str = "m", provider: str | None = None) -> PriceRule:
    prices = gateway.billing.prices.prices_for(Payer("user_id", customer_id), None)
    return prices.rule_for((model,), provider)


async def made(gateway: Gateway, people: People, **fields: object) -> Json:
    body = {"reason": "test", "customer_id": people.alice_id, **fields}
    response = await gateway.post("/stripe/prices", people.admin, body)
    assert response.status_code == 200, response.text
    answer: Json = response.json()
    return answer


class TestWhoMay:
    async def test_only_the_operator(self, gateway: Gateway, people: People) -> None:
        body = {"reason": "test", "multiplier": "2"}
        assert (await gateway.post("/stripe/prices", None, body)).status_code == 401
        for key in (people.alice, people.viewer):
            assert (await gateway.post("/stripe/prices", key, body)).status_code == 403
            assert (
                await gateway.http.delete("/stripe/prices/price_1", headers=bearer(key))
            ).status_code == 403
            denied = await gateway.post("/stripe/review/call_1", key, {"cost": "1", "reason": "x"})
            assert denied.status_code == 403
        for path in ("/stripe/prices", "/stripe/review", "/stripe/prices/effective"):
            assert (await gateway.get(path, people.alice, model="m")).status_code == 403
            assert (await gateway.get(path, people.viewer, model="m")).status_code == 200


class TestMaking:
    async def test_counts_at_once_and_is_listed_with_its_history(
        self, gateway: Gateway, people: People
    ) -> None:
        line = await made(
            gateway, people, model="gpt*", multiplier="1.25", fee=0.001, floor="0.01", reason="EU"
        )
        assert (line["multiplier"], line["fee"], line["floor"]) == ("1.25", "0.001", "0.01")
        assert (line["status"], line["created_by"], line["reason"]) == ("active", "operator", "EU")
        rule = rule_for(gateway, people.alice_id, "gpt-9")
        assert (rule.id, rule.multiplier, rule.fee_nanos) == (line["id"], Decimal("1.25"), 1_000_000)
        assert rule_for(gateway, people.alice_id, "other") == DEFAULT
        assert rule_for(gateway, people.bob_id, "gpt-9") == DEFAULT
        page = (await gateway.get("/stripe/prices", people.viewer, customer_id=people.alice_id)).json()
        assert [one["id"] for one in page["data"]] == [line["id"]]

    async def test_the_effective_price_is_explained(self, gateway: Gateway, people: People) -> None:
        line = await made(gateway, people, multiplier="1.2", fee="0.5")
        params = {"model": "m", "customer_id": people.alice_id}
        answer = (await gateway.get("/stripe/prices/effective", people.viewer, **params)).json()
        assert answer["rule"]["id"] == line["id"]
        assert answer["formula"] == "max(0.00, provider cost * 1.2 + 0.50)"

    async def test_the_same_idempotency_key_makes_one_rule(self, gateway: Gateway, people: People) -> None:
        key = uuid4().hex
        bodies = [made(gateway, people, multiplier="3", idempotency_key=key) for _ in range(4)]
        assert len({str(line["id"]) for line in await asyncio.gather(*bodies)}) == 1
        other = {"reason": "test", "customer_id": people.alice_id, "multiplier": "4", "idempotency_key": key}
        assert (await gateway.post("/stripe/prices", people.admin, other)).status_code == 409

    @pytest.mark.parametrize(
        ("body", "param"),
        [
            ({"multiplier": "-1"}, "multiplier"),
            ({"multiplier": "NaN"}, "multiplier"),
            ({"multiplier": "Infinity"}, "multiplier"),
            ({"multiplier": "1e3"}, "multiplier"),
            ({"multiplier": "1001"}, "multiplier"),
            ({"multiplier": None}, "multiplier"),
            ({"multiplier": True}, "multiplier"),
            ({"fee": "-0.01"}, "fee"),
            ({"floor": "0.0000000001"}, "floor"),
            ({"free": True, "multiplier": "2"}, None),
            ({"multiplier": "0"}, None),
            ({"model": "a*b"}, None),
            ({"customer_type": "user_id"}, None),
            ({"unknown": 1}, "unknown"),
            ({"valid_from": "2020-01-01T00:00:00Z"}, "valid_from"),
            ({"valid_from": "2099-01-01T00:00:00"}, "valid_from"),
            ({"valid_until": "2020-01-01T00:00:00Z"}, "valid_until"),
            ({"reason": ""}, "reason"),
        ],
        ids=str,
    )
    async def test_what_is_no_rule_is_400(
        self, gateway: Gateway, people: People, body: dict[str, object], param: str | None
    ) -> None:
        before = await gateway.rows(b'SELECT count(*) FROM billing."LiteLLM_StripePriceRuleTable"')
        response = await gateway.post("/stripe/prices", people.admin, {"reason": "test", **body})
        assert response.status_code == 400, response.text
        assert response.json()["error"]["param"] == param
        assert await gateway.rows(b'SELECT count(*) FROM billing."LiteLLM_StripePriceRuleTable"') == before


class TestTime:
    async def test_a_rule_of_tomorrow_waits_and_one_that_is_ended_is_over(
        self, gateway: Gateway, people: People
    ) -> None:
        tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
        ahead = await made(gateway, people, multiplier="9", valid_from=tomorrow)
        now = await made(gateway, people, multiplier="2")
        assert ahead["status"] == "scheduled"
        assert rule_for(gateway, people.alice_id).id == now["id"]
        for _ in range(2):
            ended = await end(gateway, people, str(now["id"]))
            assert (ended["status"], ended["ended_by"]) == ("ended", "operator")
        assert rule_for(gateway, people.alice_id) == DEFAULT
        never = await end(gateway, people, str(ahead["id"]))
        assert never["valid_until"] == never["valid_from"]
        listed = await gateway.get("/stripe/prices", people.admin, customer_id=people.alice_id)
        assert listed.json()["data"] == []
        history = await gateway.get("/stripe/prices", people.admin, customer_id=people.alice_id, ended="true")
        assert len(history.json()["data"]) == 2

    async def test_what_is_not_there_is_404_and_what_stands_in_a_file_409(
        self, gateway: Gateway, people: People
    ) -> None:
        statuses = [
            (await gateway.http.delete(f"/stripe/prices/{name}", headers=bearer(people.admin))).status_code
            for name in ("price_999999999", "price_x", "price_", "config:resale")
        ]
        assert statuses == [404, 404, 404, 409]

    async def test_the_database_keeps_the_history(self, gateway: Gateway, people: People) -> None:
        line = await made(gateway, people, multiplier="2")
        number = int(str(line["id"]).removeprefix("price_"))
        for statement in (
            b'UPDATE billing."LiteLLM_StripePriceRuleTable" SET multiplier = 1 WHERE id = %(id)s',
            b"UPDATE billing.\"LiteLLM_StripePriceRuleTable\" SET valid_until = now() - interval '1 s'"
            b" WHERE id = %(id)s",
            b'DELETE FROM billing."LiteLLM_StripePriceRuleTable" WHERE id = %(id)s',
            b'TRUNCATE billing."LiteLLM_StripePriceRuleTable"',
        ):
            with pytest.raises(psycopg.errors.RestrictViolation):
                await gateway.rows(statement, id=number)


class TestOtherReplicas:
    async def test_see_a_change_after_their_next_refresh(self, gateway: Gateway, people: People) -> None:
        other = Prices(gateway.pool, (), stale_max_s=60)
        await other.refresh()
        line = await made(gateway, people, multiplier="5")
        payer = Payer("user_id", people.alice_id)
        assert other.prices_for(payer, None).rule_for(("m",), None) == DEFAULT
        await other.refresh()
        assert other.prices_for(payer, None).rule_for(("m",), None).id == line["id"]
        await end(gateway, people, str(line["id"]))
        await other.refresh()
        assert other.prices_for(payer, None).rule_for(("m",), None) == DEFAULT

    async def test_price_nothing_before_the_first_reading_nor_long_after_the_last(
        self, gateway: Gateway
    ) -> None:
        prices = Prices(gateway.pool, (), stale_max_s=0.0)
        payer = Payer("user_id", "u")
        for _ in range(2):
            with pytest.raises(LedgerUnavailable):
                prices.prices_for(payer, None)
            await prices.refresh()


async def end(gateway: Gateway, people: People, rule_id: str) -> Json:
    response = await gateway.http.delete(f"/stripe/prices/{rule_id}", headers=bearer(people.admin))
    answer: Json = response.raise_for_status().json()
    return answer


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}
