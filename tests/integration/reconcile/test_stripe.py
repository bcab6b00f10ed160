"""The ledger against Stripe: payments at the real local Stripe, and books that do not say the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from starlette.requests import Request

from billing.errors import BadRequest
from billing.ledger.schemas import Entry, TransactionKind
from billing.reconcile.payments import StripePayments
from billing.reconcile.schemas import PENDING, Repair, Source, Window
from billing.reconcile.stripe_book import StripeBook
from billing.settings import Settings
from billing.stripe_api import connect_stripe
from tests.integration.plain_gateway import Sandbox, _serve
from tests.integration.reconcile.conftest import World, open_world

STRIPE = Source.STRIPE
SESSION = b"""
SELECT payment_intent_id FROM billing."LiteLLM_StripeTopupOrderTable" WHERE checkout_session_id = %s"""
PARKED = b"""
INSERT INTO billing."LiteLLM_StripeWebhookEventTable"
  (event_id, type, livemode, object_id, created, payload, outcome, reason)
VALUES ('evt_1', 'checkout.session.completed', FALSE, 'cs_1', now(), '{}', 'parked', 'no order of ours')"""


async def paid(world: World, sandbox: Sandbox, amount: str = "10.00") -> str:
    """A session that Stripe has the money of, and of which nothing reached us."""
    session_id = await world.topup(amount)
    (await sandbox.pay(session_id)).raise_for_status()
    return session_id


class TestAgrees:
    async def test_a_payment_that_was_credited(self, world: World, sandbox: Sandbox) -> None:
        session_id = await paid(world, sandbox)
        await world.billing.fulfilment.fulfil(session_id)
        found = await world.compare(STRIPE)
        assert found.differences == []
        assert found.counts["top-ups"] == 1
        assert found.counts["paid sessions"] >= 1

    async def test_a_top_up_that_nobody_paid(self, world: World) -> None:
        await world.topup()
        found = await world.compare(STRIPE)
        assert found.differences == []
        assert found.counts["waiting for payment"] == 1

    async def test_what_waits_is_counted_once_in_a_window_of_several_days(self, world: World) -> None:
        await world.topup()
        now = datetime.now(UTC)
        report = await world.reconciliation.run(Window(now - timedelta(days=3), now), books=(STRIPE,))
        assert report.books[0].counts["waiting for payment"] == 1

    async def test_payments_of_somebody_else_on_the_same_stripe_account(
        self, world: World, sandbox: Sandbox, settings: Settings
    ) -> None:
        await paid(world, sandbox)
        await world.execute(b'DELETE FROM billing."LiteLLM_StripeTopupOrderTable"')
        found = await world.compare(STRIPE)
        assert found.differences == []
        assert found.counts["sessions of others"] >= 1

    async def test_credit_that_the_operator_gave(self, world: World) -> None:
        await world.credit()
        assert (await world.compare(STRIPE)).differences == []

    async def test_more_payments_than_one_page_of_stripes_has(self, world: World, sandbox: Sandbox) -> None:
        for _ in range(3):
            await world.billing.fulfilment.fulfil(await paid(world, sandbox, "1.00"))
        now = datetime.now(UTC)
        async with connect_stripe(world.settings) as api:
            book = StripeBook(world.pool, StripePayments(api, page=2), "usd", 0)
            found = await book.compare(Window(now - timedelta(hours=1), now + timedelta(seconds=1)))
        assert found.differences == []
        assert found.counts["top-ups"] == 3


class TestDiffers:
    async def test_a_payment_in_the_very_second_in_which_the_window_ends(
        self, world: World, sandbox: Sandbox
    ) -> None:
        session_id = await paid(world, sandbox)
        created = (await sandbox.get(f"/v1/checkout/sessions/{session_id}"))["created"]
        until = datetime.fromtimestamp(cast(int, created), UTC) + timedelta(seconds=0.5)
        found = await world.reconciliation.compare(STRIPE, Window(until - timedelta(hours=1), until))
        assert session_id in [one.subject for one in found.differences]

    async def test_paid_and_not_credited_is_repaired_once(self, world: World, sandbox: Sandbox) -> None:
        session_id = await paid(world, sandbox)
        found = await world.only(STRIPE)
        assert (found.rule, found.subject, found.repair) == ("paid_not_credited", session_id, Repair.CREDIT)
        assert (found.expected, found.found, found.drift_nanos) == ("10.00", "0.00", -10 * 10**9)
        assert await world.balance() == 0, "nothing is repaired unasked"
        assert (await world.only(STRIPE, apply=True)).repaired
        assert (await world.compare(STRIPE, apply=True)).differences == []
        assert await world.balance() == 10 * 10**9

    async def test_a_delayed_payment_is_not_missed(self, world: World, sandbox: Sandbox) -> None:
        await sandbox.switch(settle_delay_ms=None)
        session_id = await world.topup()
        await sandbox.pay(session_id, method="bank_debit")
        assert (await world.compare(STRIPE)).differences == [], "not paid yet"
        await sandbox.settle(session_id, "succeeded")
        assert (await world.only(STRIPE)).subject == session_id

    async def test_the_order_says_paid_and_the_credit_is_gone(self, world: World, sandbox: Sandbox) -> None:
        session_id = await paid(world, sandbox)
        await world.billing.fulfilment.fulfil(session_id)
        await world.alter(b'DELETE FROM billing."LiteLLM_StripeTransactionTable"')
        found = await world.only(STRIPE, apply=True)
        assert (found.rule, found.subject, found.repaired) == ("paid_not_credited", session_id, False)
        assert "not repaired" in found.explanation

    async def test_an_amount_that_was_altered(self, world: World, sandbox: Sandbox) -> None:
        session_id = await paid(world, sandbox)
        await world.billing.fulfilment.fulfil(session_id)
        await world.alter(b'UPDATE billing."LiteLLM_StripeTransactionTable" SET amount = amount + 1')
        found = await world.only(STRIPE)
        assert (found.rule, found.subject, found.drift_nanos) == ("amount_differs", session_id, 1)

    @pytest.mark.parametrize("source", ["topup:cs_test_never", "topup:pi_never", "topup:by-hand"])
    async def test_a_credit_without_a_payment(self, source: str, world: World) -> None:
        payment = source.removeprefix("topup:") if "pi_" in source else None
        await world.ledger.post(
            Entry(world.alice, TransactionKind.TOPUP, 5 * 10**9, source, "forged", stripe_object_id=payment)
        )
        found = await world.only(STRIPE)
        assert (found.rule, found.subject, found.drift_nanos) == ("credit_without_payment", source, 5 * 10**9)
        assert found.customer == f"user_id:{world.alice.customer_id}"

    async def test_a_credit_of_a_session_that_is_not_paid(self, world: World) -> None:
        session_id = await world.topup()
        await world.ledger.post(
            Entry(world.alice, TransactionKind.TOPUP, 5 * 10**9, f"topup:{session_id}", "forged")
        )
        found = await world.only(STRIPE)
        assert (found.rule, found.explanation) == ("credit_without_payment", "its session is not paid")

    async def test_a_credit_that_is_keyed_on_a_payment_is_asked_for(
        self, world: World, sandbox: Sandbox
    ) -> None:
        session_id = await paid(world, sandbox)
        await world.billing.fulfilment.fulfil(session_id)
        [[intent]] = await world.execute(SESSION, session_id)
        await world.ledger.post(
            Entry(
                world.alice, TransactionKind.TOPUP, 9 * 10**9, f"topup:{intent}", "auto",
                stripe_object_id=str(intent),
            )
        )  # fmt: skip
        found = await world.only(STRIPE)
        assert (found.rule, found.expected, found.found) == ("amount_differs", "10.00", "9.00")


class TestReturns:
    """The local Stripe takes nothing back: what stands before it adds the events that Stripe would send."""

    async def test_a_refund_that_was_not_booked(
        self, world: World, sandbox: Sandbox, settings: Settings
    ) -> None:
        intent = await credited(world, sandbox)
        event = returned("charge.refunded", intent, amount_refunded=400)
        async with behind(settings, sandbox, [event]) as other:
            found = await other.only(STRIPE)
            assert (found.rule, found.subject) == ("refund_differs", intent)
            assert (found.expected, found.found) == ("-4.00", "0.00")
            await book_return(world, TransactionKind.REFUND, -4 * 10**9, intent)
            assert (await other.compare(STRIPE)).differences == []

    async def test_a_dispute_counts_as_its_last_event_says(
        self, world: World, sandbox: Sandbox, settings: Settings
    ) -> None:
        intent = await credited(world, sandbox)
        lost = returned("charge.dispute.funds_withdrawn", intent, amount=1000)
        won = returned("charge.dispute.funds_reinstated", intent, amount=1000)
        async with behind(settings, sandbox, [lost]) as other:
            assert (await other.only(STRIPE)).rule == "dispute_differs"
        async with behind(settings, sandbox, [won, lost]) as other:
            assert (await other.compare(STRIPE)).differences == []

    async def test_refunds_of_payments_that_are_not_ours(
        self, world: World, sandbox: Sandbox, settings: Settings
    ) -> None:
        event = returned("charge.refunded", "pi_of_another_product", amount_refunded=400)
        async with behind(settings, sandbox, [event]) as other:
            assert (await other.compare(STRIPE)).differences == []


class TestStripeInTrouble:
    async def test_too_many_requests_are_asked_again(self, world: World, sandbox: Sandbox) -> None:
        await paid(world, sandbox)
        (await sandbox.control("/settings", {"rate_limit_next": 2}, "PUT")).raise_for_status()
        assert (await world.only(STRIPE)).rule == "paid_not_credited"

    async def test_a_stripe_that_is_away_is_a_failure_and_no_difference(self, settings: Settings) -> None:
        broken = settings.model_copy(update={"stripe_api_base": "http://127.0.0.1:9"})
        async with open_world(broken) as world:
            [found] = (await world.run(STRIPE)).books
        assert found.failure is not None
        assert found.differences == []

    async def test_without_a_key_it_cannot_be_compared(self, settings: Settings) -> None:
        async with open_world(settings.model_copy(update={"stripe_api_key": None})) as world:
            [found] = (await world.run(STRIPE)).books
        assert found.failure is not None
        assert "STRIPE_API_KEY" in found.failure

    async def test_parked_events_are_named(self, world: World) -> None:
        await world.execute(PARKED)
        found = await world.compare(STRIPE)
        assert "evt_1" in found.notes[0]

    async def test_an_event_of_just_now_is_pending(self, settings: Settings, sandbox: Sandbox) -> None:
        async with open_world(settings.model_copy(update={"billing_reconcile_grace_s": 300.0})) as world:
            await paid(world, sandbox)
            found = await world.compare(STRIPE)
            assert found.differences == []
            assert found.counts[PENDING] == 1


async def credited(world: World, sandbox: Sandbox) -> str:
    """A credited payment's PaymentIntent."""
    session_id = await paid(world, sandbox)
    await world.billing.fulfilment.fulfil(session_id)
    [[intent]] = await world.execute(SESSION, session_id)
    return str(intent)


async def book_return(world: World, kind: TransactionKind, amount_nanos: int, intent: str) -> None:
    await world.ledger.post(
        Entry(
            world.alice, kind, amount_nanos, f"{kind.value}:re_1", "given back",
            stripe_object_id="re_1", detail={"payment_intent_id": intent},
        )
    )  # fmt: skip


def returned(kind: str, intent: str, **fields: int) -> dict[str, object]:
    thing = {"id": "dp_1", "object": "charge", "payment_intent": intent, "currency": "usd", **fields}
    now = int(datetime.now(UTC).timestamp())
    return {"id": f"evt_{kind}", "object": "event", "type": kind, "created": now, "data": {"object": thing}}


@asynccontextmanager
async def behind(
    settings: Settings, sandbox: Sandbox, events: list[dict[str, object]]
) -> AsyncIterator[World]:
    """The same gateway, at a Stripe that has these events besides, the newest first."""
    app = FastAPI()

    @app.get("/v1/events")
    async def list_events(request: Request) -> JSONResponse:
        asked = request.query_params
        since, until = int(asked["created[gte]"]), int(asked["created[lt]"])
        data = [event for event in events if since <= int(str(event["created"])) < until]
        return JSONResponse({"object": "list", "data": data, "has_more": False, "url": "/v1/events"})

    @app.get("/v1/{path:path}")
    async def pass_on(path: str, request: Request) -> JSONResponse:
        return JSONResponse(await sandbox.get(f"/v1/{path}", **request.query_params))

    async with _serve(app) as url:
        changed = settings.model_copy(update={"stripe_api_base": url})
        async with open_world(changed) as world:
            yield world


async def test_a_window_is_at_most_a_year(world: World) -> None:
    now = datetime.now(UTC)
    for window in (Window(now, now), Window(now - timedelta(days=400), now)):
        with pytest.raises(BadRequest):
            await world.reconciliation.run(window)
