"""Starting a top-up: what Stripe gets, what is refused, and what a crash leaves behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from billing.settings import Settings
from tests.integration.conftest import People, seat
from tests.integration.plain_gateway import Gateway, Json, Sandbox, odd_stripe, run_gateway

ORDERS = b"""
SELECT o.id, o.status, o.checkout_session_id FROM billing."LiteLLM_StripeTopupOrderTable" o
  JOIN billing."LiteLLM_StripeBalanceTable" a ON a.id = o.account_id
 WHERE a.customer_id = %(customer_id)s ORDER BY o.created_at"""
AGE = b"""
UPDATE billing."LiteLLM_StripeTopupOrderTable"
   SET created_at = created_at - %(minutes)s * interval '1 minute',
       updated_at = updated_at - %(minutes)s * interval '1 minute'
 WHERE id = %(id)s"""


async def orders(gateway: Gateway, customer_id: str) -> list[tuple[object, ...]]:
    return await gateway.rows(ORDERS, customer_id=customer_id)


@pytest.fixture
async def without_stripe(settings: Settings) -> AsyncIterator[Gateway]:
    """A gateway whose Stripe does not answer."""
    nowhere = settings.model_copy(update={"stripe_api_base": "http://127.0.0.1:9"})
    async with run_gateway(nowhere) as running:
        yield running


class TestWhoAsks:
    async def test_without_a_key_it_is_refused(self, gateway: Gateway) -> None:
        for key in (None, "sk-unknown"):
            response = await gateway.post("/stripe/topup", key, {"amount": "10"})
            assert response.status_code == 401
            assert response.json()["error"]["message"]

    async def test_a_key_without_a_customer_is_refused(self, gateway: Gateway, people: People) -> None:
        response = await gateway.post("/stripe/topup", people.nobody, {"amount": "10"})
        assert (response.status_code, response.json()["error"]["code"]) == (403, "no_payer")

    async def test_a_customer_tops_up_nobody_else(self, gateway: Gateway, people: People) -> None:
        body = {"amount": "10", "customer_id": people.bob_id}
        response = await gateway.post("/stripe/topup", people.alice, body)
        assert (response.status_code, response.json()["error"]["code"]) == (403, "admin_only")
        assert await orders(gateway, people.bob_id) == []

    async def test_an_admin_tops_up_whom_it_names(self, gateway: Gateway, people: People) -> None:
        body = {"amount": "10", "customer_id": people.bob_id, "customer_type": "user_id"}
        (await gateway.post("/stripe/topup", people.admin, body)).raise_for_status()
        assert len(await orders(gateway, people.bob_id)) == 1

    async def test_a_viewer_does_not(self, gateway: Gateway, people: People) -> None:
        body = {"amount": "10", "customer_id": people.bob_id}
        assert (await gateway.post("/stripe/topup", people.viewer, body)).status_code == 403


class TestTheSession:
    async def test_it_is_of_our_order_and_customer(
        self, gateway: Gateway, people: People, sandbox: Sandbox
    ) -> None:
        response = await gateway.post("/stripe/topup", people.alice, {"amount": "19.99"})
        body = response.raise_for_status().json()
        session = await sandbox.get(f"/v1/checkout/sessions/{body['checkout_session_id']}")
        [(order_id, status, session_id)] = await orders(gateway, people.alice_id)
        assert (status, session_id) == ("open", session["id"])
        assert session["client_reference_id"] == order_id
        assert (session["amount_total"], session["currency"], session["mode"]) == (1999, "usd", "payment")
        assert session["url"] == body["checkout_url"]
        customer = await sandbox.get(f"/v1/customers/{session['customer']}")
        assert isinstance(customer["metadata"], dict)
        assert customer["metadata"]["customer_id"] == people.alice_id
        balance = (await gateway.get("/stripe/balance", people.alice)).json()
        assert balance["stripe_customer_id"] == session["customer"]

    async def test_a_number_is_taken_digit_for_digit(
        self, gateway: Gateway, people: People, sandbox: Sandbox
    ) -> None:
        headers = {"authorization": f"Bearer {people.alice}", "content-type": "application/json"}
        response = await gateway.http.post("/stripe/topup", content=b'{"amount": 19.99}', headers=headers)
        session_id = response.raise_for_status().json()["checkout_session_id"]
        assert (await sandbox.get(f"/v1/checkout/sessions/{session_id}"))["amount_total"] == 1999

    async def test_the_browser_comes_back_to_us_or_to_a_listed_host(
        self, gateway: Gateway, people: People, sandbox: Sandbox
    ) -> None:
        session = await sandbox.get(f"/v1/checkout/sessions/{await gateway.topup(people.alice)}")
        assert str(session["success_url"]).startswith(
            "https://pay.example.com/billing/topup/return?session_id="
        )
        url = "https://app.example.com/done?s={CHECKOUT_SESSION_ID}"
        session_id = await gateway.topup(people.alice, success_url=url, cancel_url=url)
        session = await sandbox.get(f"/v1/checkout/sessions/{session_id}")
        assert (session["success_url"], session["cancel_url"]) == (url, url)

    @pytest.mark.parametrize("field", ["success_url", "cancel_url"])
    async def test_it_is_no_open_redirect(self, gateway: Gateway, people: People, field: str) -> None:
        for url in ("https://evil.example", "https://pay.example.com@evil.example/", "//evil.example"):
            response = await gateway.post("/stripe/topup", people.alice, {"amount": "10", field: url})
            assert (response.status_code, response.json()["error"]["param"]) == (400, field)
        assert await orders(gateway, people.alice_id) == []

    async def test_a_customer_has_one_customer_at_stripe_whatever_races(
        self, settings: Settings, gateway: Gateway, people: People, sandbox: Sandbox
    ) -> None:
        async with run_gateway(settings) as replica:
            replica.callers.update(gateway.callers)
            sessions = await asyncio.gather(*(g.topup(people.alice) for g in (gateway, replica) * 4))
        found = [await sandbox.get(f"/v1/checkout/sessions/{session_id}") for session_id in sessions]
        assert len({str(session["customer"]) for session in found}) == 1
        assert len({str(session["id"]) for session in found}) == 8
        page = await sandbox.get("/v1/customers", limit="100")
        assert str(page).count(f"'customer_id': '{people.alice_id}'") == 1

    async def test_a_customer_deleted_at_stripe_gets_a_new_one(
        self, gateway: Gateway, people: People, sandbox: Sandbox
    ) -> None:
        old = (await sandbox.get(f"/v1/checkout/sessions/{await gateway.topup(people.alice)}"))["customer"]
        await sandbox.delete(f"/v1/customers/{old}")
        new = (await sandbox.get(f"/v1/checkout/sessions/{await gateway.topup(people.alice)}"))["customer"]
        assert new != old
        assert (await gateway.get("/stripe/balance", people.alice)).json()["stripe_customer_id"] == new

    async def test_open_sessions_are_limited(self, settings: Settings) -> None:
        async with run_gateway(settings.model_copy(update={"billing_topups_open_max": 3})) as gateway:
            people = seat(gateway)
            answers = await asyncio.gather(
                *(gateway.post("/stripe/topup", people.alice, {"amount": "10"}) for _ in range(8))
            )
            assert sorted(answer.status_code for answer in answers) == [200] * 3 + [409] * 5
            refused = next(answer for answer in answers if answer.status_code == 409)
            assert refused.json()["error"]["code"] == "too_many_open_topups"
            assert len(await orders(gateway, people.alice_id)) == 3


class TestWhenStripeFails:
    async def test_it_is_503_and_the_order_stays(self, without_stripe: Gateway) -> None:
        people = seat(without_stripe)
        response = await without_stripe.post("/stripe/topup", people.alice, {"amount": "10"})
        assert (response.status_code, response.json()["error"]["code"]) == (503, "stripe_unavailable")
        assert "retry-after" in response.headers
        [(_, status, session_id)] = await orders(without_stripe, people.alice_id)
        assert (status, session_id) == ("created", None)
        assert (await without_stripe.get("/stripe/balance", people.alice)).status_code == 200

    async def test_without_a_stripe_key_it_is_503_and_nothing_is_written(self, settings: Settings) -> None:
        async with run_gateway(settings.model_copy(update={"stripe_api_key": None})) as gateway:
            people = seat(gateway)
            response = await gateway.post("/stripe/topup", people.alice, {"amount": "10"})
            assert (response.status_code, response.json()["error"]["code"]) == (503, "not_configured")
            assert await orders(gateway, people.alice_id) == []

    async def test_an_amount_below_stripes_own_minimum_is_a_400(self, settings: Settings) -> None:
        async with run_gateway(settings.model_copy(update={"billing_topup_min": "0.01"})) as gateway:
            people = seat(gateway)
            response = await gateway.post("/stripe/topup", people.alice, {"amount": "0.10"})
            assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid_amount")

    async def test_a_session_without_a_page_is_no_top_up(self, settings: Settings) -> None:
        async with odd_stripe({"id": "cs_test_1", "object": "checkout.session", "url": None}) as url:
            odd = settings.model_copy(update={"stripe_api_base": url})
            async with run_gateway(odd) as gateway:
                people = seat(gateway)
                response = await gateway.post("/stripe/topup", people.alice, {"amount": "10"})
                assert (response.status_code, response.json()["error"]["code"]) == (503, "stripe_unavailable")

    async def test_an_answer_that_got_lost_is_asked_for_again(
        self, gateway: Gateway, people: People, sandbox: Sandbox
    ) -> None:
        await gateway.topup(people.alice)  # the customer is there, so the next POST opens the session
        await sandbox.switch(drop_next_after_success=1)
        session_id = await gateway.topup(people.alice)
        customer = (await sandbox.get(f"/v1/checkout/sessions/{session_id}"))["customer"]
        page = await sandbox.get("/v1/checkout/sessions", customer=str(customer))
        assert isinstance(page["data"], list)
        assert len(page["data"]) == 2


class TestACrash:
    """Each phase may be the last; the poller or the event finds what is left."""

    async def test_before_stripe_was_asked_the_order_expires(
        self, without_stripe: Gateway, gateway: Gateway
    ) -> None:
        people = seat(without_stripe)
        await without_stripe.post("/stripe/topup", people.alice, {"amount": "10"})
        [(order_id, _, _)] = await orders(gateway, people.alice_id)
        await gateway.rows(AGE, id=order_id, minutes=2)  # its process may still be at it
        await gateway.billing.poller.sweep_once()
        assert await orders(gateway, people.alice_id) == [(order_id, "created", None)]
        await gateway.rows(AGE, id=order_id, minutes=40)
        await gateway.billing.poller.sweep_once()
        assert await orders(gateway, people.alice_id) == [(order_id, "expired", None)]

    async def test_after_stripe_opened_the_session_it_is_found(
        self, gateway: Gateway, people: People, sandbox: Sandbox
    ) -> None:
        session_id = await self._lost_session(gateway, people, sandbox)
        (_, (order_id, status, noted)) = await orders(gateway, people.alice_id)
        assert (status, noted) == ("created", None)
        await gateway.rows(AGE, id=order_id, minutes=2)
        await gateway.billing.poller.sweep_once()
        assert (order_id, "open", session_id) in await orders(gateway, people.alice_id)

    async def test_a_payment_of_a_session_that_we_never_noted_is_credited(
        self, gateway: Gateway, people: People, sandbox: Sandbox
    ) -> None:
        session_id = await self._lost_session(gateway, people, sandbox)
        await sandbox.pay(session_id)
        event = await sandbox.event(session_id, "checkout.session.completed")
        (await gateway.deliver(event)).raise_for_status()
        assert await gateway.balance(people.alice) == Decimal("10.00")

    async def _lost_session(self, gateway: Gateway, people: People, sandbox: Sandbox) -> str:
        """Stripe opens a session and its answer does not come, however often it is asked."""
        first = await gateway.topup(people.alice)
        await sandbox.switch(fail_next_after_success=1)
        response = await gateway.post("/stripe/topup", people.alice, {"amount": "10.00"})
        assert response.status_code == 503
        customer = (await sandbox.get(f"/v1/checkout/sessions/{first}"))["customer"]
        page = await sandbox.get("/v1/checkout/sessions", customer=str(customer))
        sessions = page["data"]
        assert isinstance(sessions, list)
        newest: list[Json] = [session for session in sessions if isinstance(session, dict)]
        assert len(newest) == 2
        return str(newest[0]["id"])
