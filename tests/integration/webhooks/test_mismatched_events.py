"""Events that carry Stripe's signature and fit nothing: each is kept, and none is credited."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest

from billing.settings import Settings
from tests.integration.conftest import People, seat
from tests.integration.plain_gateway import Gateway, Json, Sandbox, run_gateway
from tests.integration.webhooks.events import COMPLETED, about, kept, made_up

PAYLOAD = b"""
SELECT payload FROM billing."LiteLLM_StripeWebhookEventTable" WHERE event_id = %(event_id)s"""


class TestRightlySignedButWrong:
    """Never credited; kept, so that the operator sees it."""

    async def test_paid_says_the_event_but_not_stripe(
        self, gateway: Gateway, people: People, sandbox: Sandbox
    ) -> None:
        session = await sandbox.get(f"/v1/checkout/sessions/{await gateway.topup(people.alice)}")
        event = made_up({**session, "status": "complete", "payment_status": "paid"})
        assert (await gateway.deliver(event)).json()["outcome"] == "parked"
        assert await gateway.balance(people.alice) == 0

    async def test_unpaid(self, gateway: Gateway, people: People, sandbox: Sandbox) -> None:
        session = await sandbox.get(f"/v1/checkout/sessions/{await gateway.topup(people.alice)}")
        assert (await gateway.deliver(made_up(session))).json()["outcome"] == "ignored"
        assert await gateway.balance(people.alice) == 0

    async def test_of_a_session_that_stripe_does_not_know(
        self, gateway: Gateway, people: People, sandbox: Sandbox, paid: Json
    ) -> None:
        session = about(paid)
        event = made_up({**session, "id": f"cs_test_{uuid4().hex}"})
        assert (await gateway.deliver(event)).json()["outcome"] == "parked"
        assert (await kept(gateway, event)) == ("parked", "Stripe does not know the session", 1)
        assert await gateway.balance(people.alice) == 0

    async def test_of_the_other_mode(self, gateway: Gateway, people: People, paid: Json) -> None:
        event: Json = {**paid, "livemode": True}
        assert (await gateway.deliver(event)).json()["outcome"] == "refused"
        assert await gateway.balance(people.alice) == 0

    async def test_of_another_account(self, gateway: Gateway, people: People, paid: Json) -> None:
        assert (await gateway.deliver({**paid, "account": "acct_other"})).json()["outcome"] == "refused"
        assert await gateway.balance(people.alice) == 0

    async def test_in_another_currency(self, gateway: Gateway, people: People, sandbox: Sandbox) -> None:
        session_id = await self._foreign_session(gateway, people, sandbox, currency="eur")
        event = await sandbox.event(session_id, COMPLETED)
        assert (await gateway.deliver(event)).json()["outcome"] == "parked"
        row = await kept(gateway, event)
        assert row is not None
        assert row[1] == "the session is in eur, the ledger in usd"
        assert await gateway.balance(people.alice) == 0

    async def test_of_a_second_session_for_one_order(
        self, gateway: Gateway, people: People, sandbox: Sandbox
    ) -> None:
        session_id = await self._foreign_session(gateway, people, sandbox, currency="usd")
        event = await sandbox.event(session_id, COMPLETED)
        assert (await gateway.deliver(event)).json()["outcome"] == "parked"
        assert await gateway.balance(people.alice) == 0

    async def test_of_a_sale_that_is_none_of_our_top_ups(
        self, gateway: Gateway, people: People, sandbox: Sandbox
    ) -> None:
        fields = self._fields("usd", f"order-{uuid4().hex}")
        session = await sandbox.form("/v1/checkout/sessions", **fields, **{"metadata[topup_amount]": "999"})
        await sandbox.pay(str(session["id"]))
        event = await sandbox.event(str(session["id"]), COMPLETED)
        assert (await gateway.deliver(event)).json()["outcome"] == "parked"

    async def test_a_parked_event_is_tried_again_when_stripe_sends_it_again(
        self, gateway: Gateway, people: People, sandbox: Sandbox
    ) -> None:
        session_id = await gateway.topup(people.alice)
        session = await sandbox.get(f"/v1/checkout/sessions/{session_id}")
        event = made_up({**session, "payment_status": "paid"})
        assert (await gateway.deliver(event)).json()["outcome"] == "parked"
        await sandbox.pay(session_id)
        for _ in range(2):
            assert (await gateway.deliver(event)).json()["outcome"] == "applied"
        assert await gateway.balance(people.alice) == Decimal("10.00")
        assert await kept(gateway, event) == ("applied", "credited", 3)

    async def _foreign_session(
        self, gateway: Gateway, people: People, sandbox: Sandbox, currency: str
    ) -> str:
        """A paid session that somebody else opened at Stripe under the reference of our order."""
        ours = await sandbox.get(f"/v1/checkout/sessions/{await gateway.topup(people.alice)}")
        if currency != "usd":  # as if ours had never been noted
            await gateway.rows(
                b"""UPDATE billing."LiteLLM_StripeTopupOrderTable" SET checkout_session_id = NULL
                    WHERE id = %(id)s""",
                id=ours["client_reference_id"],
            )
        fields = self._fields(currency, str(ours["client_reference_id"]))
        session = await sandbox.form("/v1/checkout/sessions", **fields)
        (await sandbox.pay(str(session["id"]))).raise_for_status()
        return str(session["id"])

    def _fields(self, currency: str, reference: str) -> dict[str, str]:
        return {
            "mode": "payment",
            "client_reference_id": reference,
            "success_url": "https://app.example.com",
            "line_items[0][quantity]": "1",
            "line_items[0][price_data][currency]": currency,
            "line_items[0][price_data][unit_amount]": "5000",
            "line_items[0][price_data][product_data][name]": "Something",
        }


class TestEveryOtherEvent:
    @pytest.mark.parametrize(
        ("kind", "about"),
        [
            ("customer.created", {"id": "cus_1", "object": "customer"}),
            ("invoice.paid", {"object": "invoice"}),
            (COMPLETED, {"id": "cs_1", "mode": "subscription", "payment_status": "paid"}),
        ],
    )
    async def test_it_is_kept_and_ignored(self, gateway: Gateway, kind: str, about: Json) -> None:
        event = made_up(about, kind)
        assert (await gateway.deliver(event)).json()["outcome"] == "ignored"
        row = await kept(gateway, event)
        assert row is not None
        assert row[0] == "ignored"

    @pytest.mark.parametrize(
        ("kind", "event_about"),
        [
            (
                "charge.refunded",
                {"id": "ch_1", "object": "charge", "refunded": True, "amount_refunded": 1000},
            ),
            (
                "charge.dispute.created",
                {"id": "dp_1", "object": "dispute", "amount": 1000, "status": "needs_response"},
            ),
        ],
    )
    async def test_money_that_went_back_is_recorded_whole_and_moves_no_balance_yet(
        self, kind: str, event_about: Json, gateway: Gateway, people: People, paid: Json
    ) -> None:
        (await gateway.deliver(paid)).raise_for_status()
        event = made_up({**event_about, "payment_intent": about(paid)["payment_intent"]}, kind)
        for _ in range(2):
            assert (await gateway.deliver(event)).json()["outcome"] == "ignored"
        assert await kept(gateway, event) == ("ignored", "no handler for this type", 2)
        assert await gateway.rows(PAYLOAD, event_id=event["id"]) == [(event,)]
        assert await gateway.balance(people.alice) == Decimal("10.00")

    async def test_a_session_that_is_none_is_parked(self, gateway: Gateway) -> None:
        event = made_up({"id": 5, "mode": None}, COMPLETED)
        assert (await gateway.deliver(event)).json()["outcome"] == "parked"

    async def test_text_that_postgres_cannot_store_does_not_come_for_ever(self, gateway: Gateway) -> None:
        event = made_up({"id": "cus_1", "name": "a\0b\ud800", "list": [{"\0": 1.5}]}, "customer.updated")
        assert (await gateway.deliver(event)).status_code == 200
        assert await kept(gateway, event) is not None

    async def test_another_gateway_of_the_other_mode_takes_it_for_itself(
        self, settings: Settings, paid: Json
    ) -> None:
        live = Settings.model_validate({**settings.model_dump(), "stripe_api_key": "sk_live_x"})
        async with run_gateway(live) as gateway:
            people = seat(gateway)
            assert (await gateway.deliver(paid)).json()["outcome"] == "refused"
            assert await gateway.balance(people.alice) == 0
