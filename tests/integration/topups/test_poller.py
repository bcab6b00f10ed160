"""Payments whose event never came are found, by one replica at a time."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from uuid import uuid4

from billing.settings import Settings
from tests.integration.conftest import People
from tests.integration.plain_gateway import Gateway, Sandbox, run_gateway

STATUS = b"""
SELECT status FROM billing."LiteLLM_StripeTopupOrderTable" WHERE checkout_session_id = %(session_id)s"""
AGE = b"""
UPDATE billing."LiteLLM_StripeTopupOrderTable"
   SET created_at = created_at - interval '2 minutes', updated_at = updated_at - interval '2 minutes'
 WHERE checkout_session_id = ANY(%(sessions)s)"""
FORGET = b"""
UPDATE billing."LiteLLM_StripeTopupOrderTable" SET status = 'expired' WHERE status IN ('created', 'open')"""


async def overdue(gateway: Gateway, people: People, count: int) -> list[str]:
    """Open top-ups without news for a while; no other test's are due."""
    await gateway.rows(FORGET)
    sessions = [await gateway.topup(people.alice) for _ in range(count)]
    await gateway.rows(AGE, sessions=sessions)
    return sessions


async def test_a_payment_without_an_event_is_credited(
    gateway: Gateway, people: People, sandbox: Sandbox
) -> None:
    [session_id] = await overdue(gateway, people, 1)
    await sandbox.pay(session_id)
    assert await gateway.billing.poller.sweep_once() == 1
    assert await gateway.balance(people.alice) == Decimal("10.00")
    assert await gateway.rows(STATUS, session_id=session_id) == [("paid",)]


async def test_ends_without_an_event_are_noted(gateway: Gateway, people: People, sandbox: Sandbox) -> None:
    await sandbox.switch(settle_delay_ms=None)
    expired, failed, still_open = await overdue(gateway, people, 3)
    await sandbox.form(f"/v1/checkout/sessions/{expired}/expire")
    await sandbox.pay(failed, method="bank_debit")
    await sandbox.settle(failed, "failed")
    assert await gateway.billing.poller.sweep_once() == 3
    found = [await gateway.rows(STATUS, session_id=session) for session in (expired, failed, still_open)]
    assert found == [[("expired",)], [("failed",)], [("open",)]]
    assert await gateway.balance(people.alice) == 0


async def test_replicas_share_the_work(
    settings: Settings, gateway: Gateway, people: People, sandbox: Sandbox
) -> None:
    sessions = await overdue(gateway, people, 6)
    await asyncio.gather(*(sandbox.pay(session) for session in sessions))
    async with run_gateway(settings) as replica:
        looked = await asyncio.gather(*(g.billing.poller.sweep_once() for g in (gateway, replica) * 2))
    assert sum(looked) == 6
    assert await gateway.balance(people.alice) == Decimal("60.00")


async def test_a_session_that_stripe_forgot_is_left_open_for_the_operator(
    gateway: Gateway, people: People
) -> None:
    [session_id] = await overdue(gateway, people, 1)
    gone = f"cs_test_{uuid4().hex}"
    query = b"""UPDATE billing."LiteLLM_StripeTopupOrderTable" SET checkout_session_id = %(gone)s
                 WHERE checkout_session_id = %(session_id)s"""
    await gateway.rows(query, gone=gone, session_id=session_id)
    assert await gateway.billing.poller.sweep_once() == 1
    assert await gateway.rows(STATUS, session_id=gone) == [("open",)]


async def test_what_was_just_looked_at_is_left_alone(gateway: Gateway, people: People) -> None:
    await overdue(gateway, people, 1)
    assert await gateway.billing.poller.sweep_once() == 1
    assert await gateway.billing.poller.sweep_once() == 0


async def test_a_failure_with_one_order_does_not_keep_the_others_waiting(
    gateway: Gateway, people: People, sandbox: Sandbox
) -> None:
    first, second = await overdue(gateway, people, 2)
    await asyncio.gather(sandbox.pay(first), sandbox.pay(second))
    await sandbox.switch(fail_next=3)  # the first question and its two retries
    assert await gateway.billing.poller.sweep_once() == 2
    assert await gateway.balance(people.alice) == Decimal("10.00")
    await gateway.rows(AGE, sessions=[first, second])
    assert await gateway.billing.poller.sweep_once() == 1
    assert await gateway.balance(people.alice) == Decimal("20.00")
