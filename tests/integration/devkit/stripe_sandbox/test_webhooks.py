"""Events: how they reach the shop, and how a shop that missed them finds them."""

from __future__ import annotations

import json
from collections import Counter

import httpx
import pytest
import stripe

from tests.integration.devkit.stripe_sandbox.checkouts import create_session, pay
from tests.integration.devkit.stripe_sandbox.program import SECRETS, Shop, open_shop


async def create_customer(http: httpx.AsyncClient, name: str = "Ada") -> str:
    return str((await http.post("/v1/customers", data={"name": name})).json()["id"])


async def drain(http: httpx.AsyncClient) -> None:
    (await http.post("/sandbox/drain", json={})).raise_for_status()


class TestSignatures:
    @pytest.mark.parametrize("secret", SECRETS)
    async def test_each_secret_verifies(self, http: httpx.AsyncClient, shop: Shop, secret: str) -> None:
        await create_customer(http)
        received = shop.taken.get(timeout=10)
        assert received.event(secret).type == "customer.created"
        assert received.content_type == "application/json; charset=utf-8"
        assert received.body.startswith(b'{\n  "id"')  # indented: who re-serializes it, breaks the signature

    async def test_a_foreign_secret_does_not_verify(self, http: httpx.AsyncClient, shop: Shop) -> None:
        await create_customer(http)
        received = shop.taken.get(timeout=10)
        with pytest.raises(stripe.SignatureVerificationError):
            received.event("whsec_foreign")
        squeezed = json.dumps(json.loads(received.body)).encode()
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(squeezed, received.signature, SECRETS[0])


class TestRetries:
    async def test_what_is_refused_comes_again(self, http: httpx.AsyncClient, shop: Shop) -> None:
        await http.put("/sandbox/settings", json={"retry_base_ms": 10})
        shop.refuse = 3
        await create_customer(http)
        (event,) = shop.take(1)
        refused = [shop.refused.get_nowait().event().id for _ in range(3)]
        assert refused == [event.id] * 3
        await drain(http)
        (logged,) = (await http.get(f"/sandbox/deliveries?event={event.id}")).json()["data"]
        assert (logged["status"], logged["attempts"]) == ("succeeded", 4)
        assert logged["last_response"]["status"] == 200

    async def test_a_shop_that_is_closed_gets_it_when_it_opens(
        self, http: httpx.AsyncClient, sdk: stripe.StripeClient, shop: Shop
    ) -> None:
        await http.put("/sandbox/settings", json={"retry_base_ms": 10})
        with open_shop() as other:
            late = await sdk.v1.webhook_endpoints.create_async(
                {"url": other.url, "enabled_events": ["customer.created"]}
            )
        # the port is closed now
        await create_customer(http)
        failing = await sdk.v1.events.list_async({"delivery_success": False, "type": "customer.created"})
        assert failing.data[0].pending_webhooks >= 1
        with open_shop() as reopened:
            await sdk.v1.webhook_endpoints.update_async(late.id, {"url": reopened.url})
            assert late.secret is not None
            assert reopened.taken.get(timeout=10).event(late.secret).type == "customer.created"
        await sdk.v1.webhook_endpoints.delete_async(late.id)

    async def test_a_pause_holds_everything_back(self, http: httpx.AsyncClient, shop: Shop) -> None:
        await http.put("/sandbox/settings", json={"paused": True})
        await create_customer(http)
        waited = await http.post("/sandbox/drain", json={"timeout_s": 0.1})
        assert (waited.status_code, shop.taken.empty()) == (408, True)
        await http.put("/sandbox/settings", json={"paused": False})
        assert len(shop.take(1)) == 1


class TestDisorder:
    async def test_duplicates(self, http: httpx.AsyncClient, shop: Shop) -> None:
        await http.put("/sandbox/settings", json={"duplicates": 50})
        await create_customer(http)
        assert len({event.id for event in shop.take(50)}) == 1
        await drain(http)
        assert shop.taken.empty()

    async def test_reorder_sends_the_newest_first(
        self, sdk: stripe.StripeClient, http: httpx.AsyncClient, shop: Shop
    ) -> None:
        await http.put("/sandbox/settings", json={"paused": True, "reorder": True, "settle_delay_ms": None})
        session = await create_session(sdk)
        await pay(http, session, method="bank_debit")
        await http.post(f"/sandbox/checkout/sessions/{session.id}/settle", json={"outcome": "succeeded"})
        await http.put("/sandbox/settings", json={"paused": False})
        assert [event.type for event in shop.take(6)] == [
            "checkout.session.async_payment_succeeded",
            "payment_intent.succeeded",
            "charge.succeeded",
            "checkout.session.completed",
            "payment_intent.processing",
            "payment_intent.created",
        ]

    async def test_delay(self, http: httpx.AsyncClient, shop: Shop) -> None:
        await http.put("/sandbox/settings", json={"delay_ms": 400})
        customer_id = await create_customer(http)
        (waiting,) = (await http.get("/sandbox/deliveries?status=pending")).json()["data"]
        assert waiting["due_at"] - waiting["created"] == pytest.approx(0.4)
        event = (await http.get("/v1/events?limit=1")).json()["data"][0]
        assert event["data"]["object"]["id"] == customer_id
        await http.put("/sandbox/settings", json={"delay_ms": 0})
        await http.post(f"/sandbox/events/{event['id']}/resend", json={})
        assert {again.id for again in shop.take(2)} == {event["id"]}  # the resent one, and the delayed one


class TestEvents:
    async def test_filters(self, sdk: stripe.StripeClient, http: httpx.AsyncClient) -> None:
        session = await create_session(sdk)
        await pay(http, session)
        one = await sdk.v1.events.list_async({"type": "checkout.session.completed", "limit": 1})
        assert one.data[0].data.object["id"] == session.id
        group = await sdk.v1.events.list_async({"type": "charge.*", "limit": 100})
        assert {event.type.partition(".")[0] for event in group.data} == {"charge"}
        types = ["charge.succeeded", "payment_intent.succeeded"]
        several = await sdk.v1.events.list_async({"types": types, "limit": 2})
        assert {event.type for event in several.data} == set(types)
        late = await sdk.v1.events.list_async({"created": {"gt": one.data[0].created}})
        assert late.data == []

    async def test_an_event_keeps_the_object_as_it_was(
        self, sdk: stripe.StripeClient, http: httpx.AsyncClient
    ) -> None:
        customer_id = await create_customer(http, "Before")
        event = (await sdk.v1.events.list_async({"type": "customer.created", "limit": 1})).data[0]
        await sdk.v1.customers.update_async(customer_id, {"name": "After"})
        again = await sdk.v1.events.retrieve_async(event.id)
        assert (again.data.object["id"], again.data.object["name"]) == (customer_id, "Before")

    async def test_resend_repeats_the_same_event(self, http: httpx.AsyncClient, shop: Shop) -> None:
        await create_customer(http)
        (event,) = shop.take(1)
        resent = await http.post(f"/sandbox/events/{event.id}/resend", json={"times": 3})
        assert resent.status_code == 200
        assert Counter(again.id for again in shop.take(3)) == {event.id: 3}

    async def test_an_endpoint_gets_what_it_asked_for_only(
        self, sdk: stripe.StripeClient, http: httpx.AsyncClient, shop: Shop
    ) -> None:
        with open_shop() as narrow:
            endpoint = await sdk.v1.webhook_endpoints.create_async(
                {"url": narrow.url, "enabled_events": ["customer.deleted"]}
            )
            customer_id = await create_customer(http)
            await sdk.v1.customers.delete_async(customer_id)
            await drain(http)
            assert endpoint.secret is not None
            assert narrow.taken.get_nowait().event(endpoint.secret).type == "customer.deleted"
            assert narrow.taken.empty()
            await sdk.v1.webhook_endpoints.delete_async(endpoint.id)
        assert {event.type for event in shop.take_all()} >= {"customer.created", "customer.deleted"}
