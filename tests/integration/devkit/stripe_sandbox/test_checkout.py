"""Checkout from creation to money, through the official SDK."""

from __future__ import annotations

import time

import httpx
import pytest
import stripe
from stripe.checkout import Session

from tests.integration.devkit.stripe_sandbox.checkouts import create_session, pay, session_params
from tests.integration.devkit.stripe_sandbox.program import Shop


async def fresh(sdk: stripe.StripeClient, session: Session) -> Session:
    return await sdk.v1.checkout.sessions.retrieve_async(
        session.id, {"expand": ["payment_intent.latest_charge", "customer", "line_items"]}
    )


def intent_of(session: Session) -> stripe.PaymentIntent:
    assert isinstance(session.payment_intent, stripe.PaymentIntent)
    return session.payment_intent


def charge_of(session: Session) -> stripe.Charge:
    charge = intent_of(session).latest_charge
    assert isinstance(charge, stripe.Charge)
    return charge


class TestCreation:
    async def test_keeps_what_the_shop_says(self, sdk: stripe.StripeClient) -> None:
        customer = await sdk.v1.customers.create_async({"email": "ada@example.com"})
        session = await create_session(sdk, customer=customer.id, expand=["line_items", "customer"])
        assert (session.status, session.payment_status, session.payment_intent) == ("open", "unpaid", None)
        assert (session.amount_total, session.currency) == (1000, "usd")
        assert session.client_reference_id == "order-1"
        assert session.metadata is not None
        assert session.metadata["order"] == "1"
        assert isinstance(session.customer, stripe.Customer)
        assert session.customer.email == "ada@example.com"
        assert session.line_items is not None
        assert [(line.description, line.amount_total) for line in session.line_items.data] == [
            ("Credit", 1000)
        ]
        assert session.expires_at - session.created == 24 * 3600

    async def test_prices_of_the_catalogue_add_up(self, sdk: stripe.StripeClient) -> None:
        product = await sdk.v1.products.create_async({"name": "Hour"})
        price = await sdk.v1.prices.create_async(
            {"currency": "eur", "unit_amount": 250, "product": product.id}
        )
        items = [{"price": price.id, "quantity": 3}, {"price": price.id, "quantity": 1}]
        session = await create_session(sdk, line_items=items)
        assert (session.amount_total, session.currency) == (1000, "eur")
        assert session.payment_method_types == ["card", "sepa_debit"]
        lines = await sdk.v1.checkout.sessions.line_items.list_async(session.id)
        assert sorted(line.amount_total for line in lines.data) == [250, 750]

    @pytest.mark.parametrize(
        ("changes", "param", "code"),
        [
            ({"mode": "subscription"}, "mode", None),
            ({"success_url": "javascript:alert(1)"}, "success_url", None),
            ({"customer": "cus_unknown"}, "customer", "resource_missing"),
            ({"line_items": []}, "line_items", "parameter_missing"),
            ({"client_reference_id": "x" * 201}, "client_reference_id", None),
            ({"expires_at": 1}, "expires_at", None),
            ({"colour": "red"}, "colour", "parameter_unknown"),
            ({"metadata": {"k" * 41: "v"}}, None, None),
        ],
    )
    async def test_refuses_what_stripe_refuses(
        self, sdk: stripe.StripeClient, changes: dict[str, object], param: str | None, code: str | None
    ) -> None:
        with pytest.raises(stripe.InvalidRequestError) as raised:
            await create_session(sdk, **changes)
        assert raised.value.http_status == 400
        assert raised.value.code == code
        assert param is None or raised.value.param == param

    @pytest.mark.parametrize(
        ("currency", "amount", "problem"),
        [
            ("usd", 49, "amount_too_small"),
            ("usd", 100_000_000, "amount_too_large"),
            ("usd", -1, "parameter_invalid_integer"),
            ("usd", "10.5", "parameter_invalid_integer"),
            ("kwd", 1005, None),
            ("xyz", 1000, None),
        ],
    )
    async def test_refuses_amounts_that_stripe_would_not_charge(
        self, sdk: stripe.StripeClient, currency: str, amount: object, problem: str | None
    ) -> None:
        price = {"currency": currency, "unit_amount": amount, "product_data": {"name": "Credit"}}
        with pytest.raises(stripe.InvalidRequestError) as raised:
            await create_session(sdk, line_items=[{"quantity": 1, "price_data": price}])
        assert raised.value.code == problem

    async def test_a_refused_session_leaves_nothing_behind(self, http: httpx.AsyncClient) -> None:
        before = (await http.get("/v1/products?limit=100&active=false")).json()["data"]
        form = "mode=payment&success_url=http://x.test/&line_items[0][quantity]=1&line_items[0][price_data]"
        refused = await http.post(
            "/v1/checkout/sessions",
            content=f"{form}[currency]=usd&line_items[0][price_data][unit_amount]=1"
            "&line_items[0][price_data][product_data][name]=x",
        )
        assert refused.json()["error"]["code"] == "amount_too_small"
        assert (await http.get("/v1/products?limit=100&active=false")).json()["data"] == before


class TestCards:
    async def test_4242_pays(self, sdk: stripe.StripeClient, http: httpx.AsyncClient, shop: Shop) -> None:
        session = await create_session(sdk)
        assert (await pay(http, session)).status_code == 200
        paid = await fresh(sdk, session)
        assert (paid.status, paid.payment_status, paid.url) == ("complete", "paid", None)
        assert (intent_of(paid).status, intent_of(paid).amount_received) == ("succeeded", 1000)
        assert intent_of(paid).metadata["order"] == "1"
        assert (charge_of(paid).paid, charge_of(paid).amount_captured) == (True, 1000)
        assert {event.type for event in shop.take(4)} == {
            "payment_intent.created",
            "charge.succeeded",
            "payment_intent.succeeded",
            "checkout.session.completed",
        }

    @pytest.mark.parametrize(
        ("number", "decline_code"),
        [("4000000000000002", "generic_decline"), ("4000 0000 0000 9995", "insufficient_funds")],
    )
    async def test_a_declined_card_leaves_the_session_open(
        self, sdk: stripe.StripeClient, http: httpx.AsyncClient, shop: Shop, number: str, decline_code: str
    ) -> None:
        session = await create_session(sdk)
        refused = await pay(http, session, card=number)
        error = refused.json()["error"]
        assert refused.status_code == 402
        assert (error["type"], error["code"]) == ("card_error", "card_declined")
        assert error["decline_code"] == decline_code
        open_still = await fresh(sdk, session)
        assert (open_still.status, open_still.payment_status) == ("open", "unpaid")
        assert intent_of(open_still).status == "requires_payment_method"
        assert charge_of(open_still).status == "failed"
        assert {event.type for event in shop.take(3)} == {
            "payment_intent.created",
            "charge.failed",
            "payment_intent.payment_failed",
        }

    async def test_a_second_card_may_pay_the_same_intent(
        self, sdk: stripe.StripeClient, http: httpx.AsyncClient
    ) -> None:
        session = await create_session(sdk)
        await pay(http, session, card="4000000000000002")
        first = intent_of(await fresh(sdk, session)).id
        assert (await pay(http, session)).status_code == 200
        paid = intent_of(await fresh(sdk, session))
        assert (paid.id, paid.status, paid.last_payment_error) == (first, "succeeded", None)

    @pytest.mark.parametrize("number", ["4242424242424241", "1234", "not a card", ""])
    async def test_a_wrong_number_never_reaches_a_bank(
        self, sdk: stripe.StripeClient, http: httpx.AsyncClient, number: str
    ) -> None:
        session = await create_session(sdk)
        refused = await pay(http, session, card=number)
        assert (refused.status_code, refused.json()["error"]["code"]) == (402, "incorrect_number")
        assert (await fresh(sdk, session)).payment_intent is None

    async def test_a_real_card_is_declined(self, sdk: stripe.StripeClient, http: httpx.AsyncClient) -> None:
        refused = await pay(http, await create_session(sdk), card="4111111111111111")
        assert refused.json()["error"]["decline_code"] == "test_mode_live_card"

    async def test_a_session_is_paid_once(
        self, sdk: stripe.StripeClient, http: httpx.AsyncClient, shop: Shop
    ) -> None:
        session = await create_session(sdk)
        await pay(http, session)
        again = await pay(http, session)
        assert (again.status_code, again.json()["error"]["code"]) == (400, "checkout_session_not_open")
        await http.post("/sandbox/drain", json={})
        assert [event.type for event in shop.take_all()].count("checkout.session.completed") == 1


class TestBankDebits:
    @pytest.fixture(autouse=True)
    async def _settled_when_told(self, http: httpx.AsyncClient) -> None:
        await http.put("/sandbox/settings", json={"settle_delay_ms": None})

    @pytest.mark.parametrize(
        ("outcome", "payment_status", "intent_status"),
        [("succeeded", "paid", "succeeded"), ("failed", "unpaid", "requires_payment_method")],
    )
    async def test_completes_unpaid_and_ends_later(
        self,
        sdk: stripe.StripeClient,
        http: httpx.AsyncClient,
        shop: Shop,
        outcome: str,
        payment_status: str,
        intent_status: str,
    ) -> None:
        session = await create_session(sdk)
        waiting = (await pay(http, session, method="bank_debit")).json()
        assert (waiting["status"], waiting["payment_status"]) == ("complete", "unpaid")
        assert intent_of(await fresh(sdk, session)).status == "processing"
        (completed,) = [e for e in shop.take(3) if e.type == "checkout.session.completed"]
        assert completed.data.object["payment_status"] == "unpaid"
        settled = await http.post(
            f"/sandbox/checkout/sessions/{session.id}/settle", json={"outcome": outcome}
        )
        assert settled.json()["payment_status"] == payment_status
        assert intent_of(await fresh(sdk, session)).status == intent_status
        assert f"checkout.session.async_payment_{outcome}" in {event.type for event in shop.take(3)}

    async def test_settles_by_itself(
        self, sdk: stripe.StripeClient, http: httpx.AsyncClient, shop: Shop
    ) -> None:
        await http.put("/sandbox/settings", json={"settle_delay_ms": 20})
        await pay(http, await create_session(sdk), method="bank_debit", outcome="failed")
        assert "checkout.session.async_payment_failed" in {event.type for event in shop.take(6)}

    async def test_ends_once(self, sdk: stripe.StripeClient, http: httpx.AsyncClient) -> None:
        session = await create_session(sdk)
        await pay(http, session, method="bank_debit")
        path = f"/sandbox/checkout/sessions/{session.id}/settle"
        assert (await http.post(path, json={"outcome": "failed"})).status_code == 200
        assert (await http.post(path, json={"outcome": "succeeded"})).status_code == 400

    async def test_is_not_offered_where_the_shop_takes_cards_only(
        self, sdk: stripe.StripeClient, http: httpx.AsyncClient
    ) -> None:
        session = await create_session(sdk, payment_method_types=["card"])
        refused = await pay(http, session, method="bank_debit")
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, "method")


class TestExpiry:
    async def test_the_shop_may_expire_a_session(
        self, sdk: stripe.StripeClient, http: httpx.AsyncClient, shop: Shop
    ) -> None:
        session = await create_session(sdk)
        expired = await sdk.v1.checkout.sessions.expire_async(session.id)
        assert (expired.status, expired.url) == ("expired", None)
        assert [event.type for event in shop.take(1)] == ["checkout.session.expired"]
        assert (await pay(http, session)).status_code == 400
        with pytest.raises(stripe.InvalidRequestError, match='status in \\["open"\\]'):
            await sdk.v1.checkout.sessions.expire_async(session.id)

    async def test_an_abandoned_session_expires_by_itself(
        self, sdk: stripe.StripeClient, http: httpx.AsyncClient, shop: Shop
    ) -> None:
        await http.put("/sandbox/settings", json={"expires_after_min_s": 0})
        session = await create_session(sdk, expires_at=int(time.time()) + 1)
        (event,) = shop.take(1)
        assert (event.type, event.data.object["id"]) == ("checkout.session.expired", session.id)


class TestLists:
    async def test_sessions_intents_and_charges_of_a_customer(
        self, sdk: stripe.StripeClient, http: httpx.AsyncClient
    ) -> None:
        customer = (await sdk.v1.customers.create_async({})).id
        paid = await create_session(sdk, customer=customer)
        await create_session(sdk, customer=customer)
        await pay(http, paid)
        intent = intent_of(await fresh(sdk, paid)).id
        complete = await sdk.v1.checkout.sessions.list_async({"customer": customer, "status": "complete"})
        by_intent = await sdk.v1.checkout.sessions.list_async({"payment_intent": intent})
        assert [s.id for s in complete.data] == [s.id for s in by_intent.data] == [paid.id]
        intents = await sdk.v1.payment_intents.list_async(
            {"customer": customer, "expand": ["data.latest_charge"]}
        )
        charges = await sdk.v1.charges.list_async({"payment_intent": intent})
        assert [item.latest_charge for item in intents.data] == charges.data

    async def test_what_cannot_be_expanded_is_refused(self, sdk: stripe.StripeClient) -> None:
        with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded") as raised:
            await sdk.v1.checkout.sessions.create_async(session_params(expand=["metadata"]))
        assert raised.value.param == "expand"
