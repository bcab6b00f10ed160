"""Leases: a call that runs keeps its hold however long it takes, and one that nobody renews ends."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from decimal import Decimal

import psycopg
import pytest

from billing.database.pool import open_pool
from billing.ledger.schemas import Hold, HoldRequest, Payer
from billing.ledger.service import Ledger
from tests.acceptance.conftest import Running
from tests.acceptance.customers import Customer

SPEND_LOG = """
INSERT INTO public."LiteLLM_SpendLogs"
  (request_id, call_type, api_key, spend, "startTime", "endTime", model, metadata, prompt_tokens,
   completion_tokens, total_tokens, status)
VALUES (%s, 'acompletion', %s, %s, now(), now(), 'openai/demo-chat', %s::jsonb, 7, 9, 16, 'success')
"""


async def abandoned_hold(running: Running, customer: Customer, call_id: str) -> Hold:
    """A hold of another replica, which died: its lease is over in a second."""
    pool = await open_pool(running.database_url)
    try:
        async with Ledger(pool, owner="a-replica-that-died") as ledger:
            return await ledger.hold(
                HoldRequest(
                    key=call_id,
                    payer=Payer("user_id", customer.user_id),
                    amount_nanos=500_000,
                    no_event_charge_nanos=2_000,
                    lease_s=1,
                    detail={"model": "demo-chat", "key_hash": "its-key"},
                )
            )
    finally:
        await pool.close()


class TestSweeper:
    async def test_charges_the_input_of_an_unconfirmed_call(
        self, running: Running, new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer(credit="1")
        await abandoned_hold(running, customer, f"call_{uuid.uuid4().hex}")
        [charge] = customer.settled(charges=1)
        assert charge["amount"] == "-0.000002"
        assert isinstance(charge["detail"], dict)
        assert charge["detail"]["ending"] == "no_event"

    @pytest.mark.parametrize("key_hash", ["its-key", "another-customers-key"])
    async def test_takes_the_cost_from_the_spend_log_of_the_same_key(
        self, key_hash: str, running: Running, new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer(credit="1")
        call_id = f"call_{uuid.uuid4().hex}"
        label = f'{{"spend_logs_metadata": {{"billing_call_id": "{call_id}"}}}}'
        with psycopg.connect(running.database_url.split("?")[0], autocommit=True) as connection:
            connection.execute(SPEND_LOG, (uuid.uuid4().hex, key_hash, 0.000123456, label))
        await abandoned_hold(running, customer, call_id)
        [charge] = customer.settled(charges=1)
        expected = Decimal("-0.000123456") if key_hash == "its-key" else Decimal("-0.000002")
        assert Decimal(str(charge["amount"])) == expected

    @pytest.mark.parametrize("spend", ["NaN", -0.5])
    async def test_a_log_that_is_no_cost_stops_neither_its_own_call_nor_the_next(
        self, spend: object, running: Running, new_customer: Callable[..., Customer]
    ) -> None:
        broken, next_one = new_customer(credit="1"), new_customer(credit="1")
        call_id = f"call_{uuid.uuid4().hex}"
        label = f'{{"spend_logs_metadata": {{"billing_call_id": "{call_id}"}}}}'
        with psycopg.connect(running.database_url.split("?")[0], autocommit=True) as connection:
            connection.execute(SPEND_LOG, (uuid.uuid4().hex, "its-key", spend, label))
        await abandoned_hold(running, broken, call_id)
        await abandoned_hold(running, next_one, f"call_{uuid.uuid4().hex}")
        for customer in (broken, next_one):
            [charge] = customer.settled(charges=1)
            assert charge["amount"] == "-0.000002"
