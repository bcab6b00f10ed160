"""Balances and transactions: one's own for a customer, everybody's for the operator."""

from __future__ import annotations

import asyncio
import csv
import io
from datetime import UTC, datetime, timedelta

import pytest

from billing.ledger.schemas import Entry, Payer, Transaction, TransactionKind
from tests.integration.conftest import People
from tests.integration.plain_gateway import Gateway


async def post(
    gateway: Gateway, customer_id: str, amount_nanos: int, key: str, description: str = "A line"
) -> Transaction:
    kind = TransactionKind.CREDIT if amount_nanos > 0 else TransactionKind.CHARGE
    entry = Entry(
        Payer("user_id", customer_id), kind, amount_nanos, key, description, detail={"model": "demo-chat"}
    )
    return await gateway.billing.ledger.post(entry)


async def fill(gateway: Gateway, customer_id: str, count: int) -> list[str]:
    """Lines +1 to +count nanos; the ids, newest first."""
    lines = [await post(gateway, customer_id, n, f"{customer_id}:{n}") for n in range(1, count + 1)]
    return [str(line.id) for line in reversed(lines)]


READS = ["/stripe/balance", "/stripe/transactions", "/stripe/balances/all"]


class TestWhoAsks:
    @pytest.mark.parametrize("path", READS)
    async def test_without_a_key_it_is_refused(self, gateway: Gateway, path: str) -> None:
        assert (await gateway.get(path, None)).status_code == 401
        assert (await gateway.get(path, "sk-blocked")).status_code == 401

    @pytest.mark.parametrize("path", READS[:2])
    async def test_a_customer_sees_nobody_else(self, gateway: Gateway, people: People, path: str) -> None:
        await fill(gateway, people.bob_id, 1)
        for params in (
            {"customer_id": people.bob_id},
            {"customer_id": people.bob_id, "customer_type": "user_id"},
            {"customer_id": people.alice_id, "customer_type": "team_id"},
        ):
            response = await gateway.get(path, people.alice, **params)
            assert (response.status_code, response.json()["error"]["code"]) == (403, "admin_only")

    @pytest.mark.parametrize("path", READS[:2])
    async def test_the_operator_names_whom_it_means(
        self, gateway: Gateway, people: People, path: str
    ) -> None:
        await fill(gateway, people.bob_id, 1)
        for key in (people.admin, people.viewer):
            (await gateway.get(path, key, customer_id=people.bob_id)).raise_for_status()
            assert (await gateway.get(path, key)).json()["error"]["param"] == "customer_id"

    async def test_a_cursor_of_another_customer_shows_only_ones_own(
        self, gateway: Gateway, people: People
    ) -> None:
        await fill(gateway, people.alice_id, 1)
        await fill(gateway, people.bob_id, 2)
        page = (await gateway.get("/stripe/transactions", people.bob, limit="1")).json()
        response = await gateway.get("/stripe/transactions", people.alice, cursor=page["next_cursor"])
        assert [line["description"] for line in response.json()["data"]] == ["A line"]
        assert [line["amount"] for line in response.json()["data"]] == ["0.000000001"]

    async def test_only_the_operator_sees_all(self, gateway: Gateway, people: People) -> None:
        assert (await gateway.get("/stripe/balances/all", people.alice)).status_code == 403
        for key in (people.admin, people.viewer):
            assert (await gateway.get("/stripe/balances/all", key)).status_code == 200


class TestBalance:
    async def test_a_customer_not_seen_before_has_zeros(self, gateway: Gateway, people: People) -> None:
        assert (await gateway.get("/stripe/balance", people.alice)).json() == {
            "customer_type": "user_id",
            "customer_id": people.alice_id,
            "stripe_customer_id": None,
            "currency": "usd",
            "balance": "0.00",
            "held": "0.00",
            "available": "0.00",
            "total_topups": "0.00",
            "total_spent": "0.00",
            "low_balance_threshold": None,
            "auto_topup": {"enabled": False, "amount": None, "threshold": None},
        }

    async def test_it_is_exact_to_the_nano(self, gateway: Gateway, people: People) -> None:
        await post(gateway, people.alice_id, 10_000_000_000, f"{people.alice_id}:in")
        await post(gateway, people.alice_id, -1_234_568, f"{people.alice_id}:out")
        balance = (await gateway.get("/stripe/balance", people.alice)).json()
        assert (balance["balance"], balance["total_spent"]) == ("9.998765432", "0.001234568")

    async def test_looking_writes_nothing(self, gateway: Gateway, people: People) -> None:
        await gateway.get("/stripe/balance", people.alice)
        query = b'SELECT 1 FROM billing."LiteLLM_StripeBalanceTable" WHERE customer_id = %(customer_id)s'
        assert await gateway.rows(query, customer_id=people.alice_id) == []


class TestTransactions:
    async def test_pages_are_newest_first_and_complete(self, gateway: Gateway, people: People) -> None:
        ids = await fill(gateway, people.alice_id, 7)
        await fill(gateway, people.bob_id, 2)
        seen: list[str] = []
        params = {"limit": "3"}
        while True:
            response = await gateway.get("/stripe/transactions", people.alice, **params)
            page = response.json()
            seen += [line["id"] for line in page["data"]]
            assert response.headers.get("x-next-cursor") == page["next_cursor"]
            if page["next_cursor"] is None:
                break
            params["cursor"] = page["next_cursor"]
            await post(gateway, people.alice_id, 1, f"{people.alice_id}:meanwhile:{len(seen)}")
        assert seen == ids

    async def test_a_line_says_what_it_was_for(self, gateway: Gateway, people: People) -> None:
        await post(gateway, people.alice_id, 5_000_000_000, f"{people.alice_id}:in")
        line = await post(gateway, people.alice_id, -250_000_000, f"{people.alice_id}:out", "demo-chat")
        [first, _] = (await gateway.get("/stripe/transactions", people.alice)).json()["data"]
        assert first.pop("created_at").endswith("Z")
        assert first == {
            "id": str(line.id),
            "type": "charge",
            "amount": "-0.25",
            "balance_after": "4.75",
            "description": "demo-chat",
            "detail": {"model": "demo-chat"},
        }

    async def test_they_are_filtered_by_type_and_time(self, gateway: Gateway, people: People) -> None:
        await post(gateway, people.alice_id, 5, f"{people.alice_id}:in")
        await post(gateway, people.alice_id, -1, f"{people.alice_id}:out")
        now = datetime.now(UTC)
        for params, count in (
            ({"type": "charge"}, 1),
            ({"type": "topup"}, 0),
            ({"since": (now - timedelta(hours=1)).isoformat()}, 2),
            ({"since": (now + timedelta(hours=1)).isoformat()}, 0),
            ({"until": (now - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S")}, 0),
            ({"until": "9999-12-31T23:59:59-23:59", "since": "0001-01-01T00:00:00+23:59"}, 2),
        ):
            page = (await gateway.get("/stripe/transactions", people.alice, **params)).json()
            assert len(page["data"]) == count, params

    async def test_a_spreadsheet_gets_csv_without_formulas(self, gateway: Gateway, people: People) -> None:
        await post(gateway, people.alice_id, -500_000_000, f"{people.alice_id}:x", "=1+1")
        headers = {"authorization": f"Bearer {people.alice}", "accept": "text/csv"}
        response = await gateway.http.get("/stripe/transactions?limit=1", headers=headers)
        assert response.headers["content-type"] == "text/csv; charset=utf-8"
        assert response.headers["x-next-cursor"]
        [line] = csv.DictReader(io.StringIO(response.text))
        assert (line["amount"], line["description"]) == ("-0.50", "'=1+1")


class TestAllBalances:
    async def test_pages_go_through_every_customer_once(self, gateway: Gateway, people: People) -> None:
        await asyncio.gather(*(fill(gateway, f"{people.bob_id}-{n}", 1) for n in range(5)))
        seen: list[str] = []
        params = {"limit": "2"}
        while True:
            page = (await gateway.get("/stripe/balances/all", people.admin, **params)).json()
            seen += [balance["customer_id"] for balance in page["data"]]
            if page["next_cursor"] is None:
                break
            params["cursor"] = page["next_cursor"]
        assert len(seen) == len(set(seen))
        assert {f"{people.bob_id}-{n}" for n in range(5)} <= set(seen)
