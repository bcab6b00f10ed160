"""Stripe's events: who may send them, and that each payment is credited once."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from decimal import Decimal
from uuid import uuid4

import psycopg
import pytest

from billing.settings import Settings
from tests.integration.conftest import People
from tests.integration.plain_gateway import SECRET, Gateway, Json, Sandbox, run_gateway, sign
from tests.integration.webhooks.events import COMPLETED, EXPIRED, FAILED, SUCCEEDED, about, kept

TOPUPS = b"""
SELECT t.amount, t.source_key FROM billing."LiteLLM_StripeTransactionTable" t
  JOIN billing."LiteLLM_StripeBalanceTable" a ON a.id = t.account_id WHERE a.customer_id = %(customer_id)s"""
STATUS = b"""
SELECT status FROM billing."LiteLLM_StripeTopupOrderTable" WHERE checkout_session_id = %(session_id)s"""


async def status(gateway: Gateway, session_id: str) -> object:
    [(found,)] = await gateway.rows(STATUS, session_id=session_id)
    return found


@pytest.fixture
async def debited(gateway: Gateway, people: People, sandbox: Sandbox) -> AsyncIterator[str]:
    """A session that was completed with a bank debit which has not settled."""
    await sandbox.switch(settle_delay_ms=None)
    session_id = await gateway.topup(people.alice)
    (await sandbox.pay(session_id, method="bank_debit")).raise_for_status()
    yield session_id
    await sandbox.switch(settle_delay_ms=3000)


class TestWhoSends:
    """Refused: 4xx or 503, and nothing written."""

    async def refused(
        self, gateway: Gateway, people: People, event: Json, body: bytes, header: str | None
    ) -> None:
        response = await gateway.deliver_body(body, header)
        assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid_signature")
        assert await kept(gateway, event) is None
        assert await gateway.balance(people.alice) == 0

    async def test_nobody_without_a_signature(self, gateway: Gateway, people: People, paid: Json) -> None:
        body = json.dumps(paid).encode()
        for header in (None, "", "t=1,v1=00", f"t={int(time.time())}"):
            await self.refused(gateway, people, paid, body, header)

    async def test_not_a_changed_body(self, gateway: Gateway, people: People, paid: Json) -> None:
        body = json.dumps(paid).encode()
        await self.refused(gateway, people, paid, body.replace(b"1000", b"9000"), sign(body))
        await self.refused(gateway, people, paid, body + b" ", sign(body))

    async def test_not_with_another_secret(self, gateway: Gateway, people: People, paid: Json) -> None:
        body = json.dumps(paid).encode()
        for secret in ("whsec_other", "", f"whsec_retired,{SECRET}"):
            await self.refused(gateway, people, paid, body, sign(body, secret))

    async def test_not_an_old_or_future_one(self, gateway: Gateway, people: People, paid: Json) -> None:
        body = json.dumps(paid).encode()
        for at in (time.time() - 310, time.time() + 70, 0, 9e11):
            await self.refused(gateway, people, paid, body, sign(body, at=at))

    async def test_nobody_where_no_secret_is_set(self, settings: Settings, paid: Json) -> None:
        for secret in (None, "", " , "):
            changed = {"stripe_webhook_secret": secret}
            without = Settings.model_validate({**settings.model_dump(), **changed})
            async with run_gateway(without) as gateway:
                body = json.dumps(paid).encode()
                response = await gateway.deliver_body(body, sign(body, secret or ""))
                assert (response.status_code, response.json()["error"]["code"]) == (503, "not_configured")
                assert await kept(gateway, paid) is None

    async def test_stripe_with_the_secret_that_is_rotated_out(self, gateway: Gateway, paid: Json) -> None:
        assert (await gateway.deliver(paid, "whsec_retired")).status_code == 200

    @pytest.mark.parametrize(
        "body",
        [b"", b"null", b"[]", b"{}", b"NaN", b'{"id": 1e400}', b"[" * 50_000, b'{"object": "v2.core.event"}'],
    )
    async def test_a_signed_body_that_is_no_event_is_refused(self, gateway: Gateway, body: bytes) -> None:
        response = await gateway.deliver_body(body, sign(body))
        assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid_request")

    async def test_a_body_beyond_the_limit_is_refused(self, gateway: Gateway, paid: Json) -> None:
        body = json.dumps({**paid, "padding": "x" * 1024 * 1024}).encode()
        assert (await gateway.deliver_body(body, sign(body))).status_code == 413
        assert await kept(gateway, paid) is None


class TestAPayment:
    async def test_it_is_credited_and_kept(self, gateway: Gateway, people: People, paid: Json) -> None:
        response = await gateway.deliver(paid)
        assert response.json() == {
            "received": True,
            "event_id": paid["id"],
            "outcome": "applied",
            "duplicate": False,
        }
        assert await gateway.balance(people.alice) == Decimal("10.00")
        assert await kept(gateway, paid) == ("applied", "credited", 1)

    async def test_fifty_deliveries_at_once_credit_once(
        self, gateway: Gateway, settings: Settings, people: People, paid: Json
    ) -> None:
        async with run_gateway(settings) as replica:
            answers = await asyncio.gather(*(g.deliver(paid) for g in (gateway, replica) * 25))
        assert {answer.status_code for answer in answers} == {200}
        assert sum(not answer.json()["duplicate"] for answer in answers) == 1
        assert len(await gateway.rows(TOPUPS, customer_id=people.alice_id)) == 1
        assert await gateway.balance(people.alice) == Decimal("10.00")
        assert await kept(gateway, paid) == ("applied", "credited", 50)

    async def test_fifty_events_of_one_session_credit_once(
        self, gateway: Gateway, people: People, paid: Json
    ) -> None:
        events = [{**paid, "id": f"evt_{uuid4().hex}"} for _ in range(50)]
        answers = await asyncio.gather(*(gateway.deliver(event) for event in events))
        assert [answer.json()["outcome"] for answer in answers].count("applied") == 1
        assert len(await gateway.rows(TOPUPS, customer_id=people.alice_id)) == 1

    async def test_a_delivery_after_our_answer_got_lost_changes_nothing(
        self, gateway: Gateway, people: People, paid: Json
    ) -> None:
        await gateway.deliver(paid)  # committed; suppose that Stripe never saw the 200
        response = await gateway.deliver(paid)
        assert (response.status_code, response.json()["duplicate"]) == (200, True)
        assert await gateway.balance(people.alice) == Decimal("10.00")

    async def test_what_cannot_be_written_now_is_kept_by_nobody_and_comes_again(
        self, settings: Settings, gateway: Gateway, people: People, paid: Json
    ) -> None:
        assert settings.database_url is not None
        lock = b'SELECT FROM billing."LiteLLM_StripeBalanceTable" WHERE customer_id = %s FOR UPDATE'
        async with run_gateway(settings.model_copy(update={"billing_ledger_wait_s": 0.5})) as hurried:
            async with await psycopg.AsyncConnection.connect(
                settings.database_url.get_secret_value()
            ) as other:
                await other.execute(lock, (people.alice_id,))
                response = await hurried.deliver(paid)
                assert (response.status_code, response.json()["error"]["code"]) == (503, "ledger_unavailable")
                assert await kept(gateway, paid) is None
            assert (await hurried.deliver(paid)).json()["outcome"] == "applied"
        assert await gateway.balance(people.alice) == Decimal("10.00")

    async def test_while_stripe_is_away_the_event_is_to_come_again(
        self, settings: Settings, gateway: Gateway, people: People, paid: Json
    ) -> None:
        async with run_gateway(
            settings.model_copy(update={"stripe_api_base": "http://127.0.0.1:9"})
        ) as alone:
            assert (await alone.deliver(paid)).status_code == 503
        assert await kept(gateway, paid) is None
        assert (await gateway.deliver(paid)).json()["outcome"] == "applied"

    async def test_stripe_itself_delivers_it(
        self, gateway: Gateway, people: People, sandbox: Sandbox
    ) -> None:
        fields = {"url": f"{gateway.url}/stripe/webhook", "enabled_events[]": COMPLETED}
        endpoint = await sandbox.form("/v1/webhook_endpoints", **fields)
        secrets = {"stripe_webhook_secret": str(endpoint["secret"])}
        settings = Settings.model_validate({**gateway.billing.settings.model_dump(), **secrets})
        async with run_gateway(settings) as real:
            await sandbox.form(f"/v1/webhook_endpoints/{endpoint['id']}", url=f"{real.url}/stripe/webhook")
            try:
                session_id = await gateway.topup(people.alice)
                await sandbox.pay(session_id)
                (await sandbox.control("/drain", {"timeout_s": 20})).raise_for_status()
            finally:
                await sandbox.delete(f"/v1/webhook_endpoints/{endpoint['id']}")
        assert await gateway.balance(people.alice) == Decimal("10.00")


class TestADelayedPayment:
    async def test_it_is_credited_when_it_comes(
        self, gateway: Gateway, people: People, sandbox: Sandbox, debited: str
    ) -> None:
        completed = await sandbox.event(debited, COMPLETED)
        assert (await gateway.deliver(completed)).json()["outcome"] == "ignored"
        assert await gateway.balance(people.alice) == 0
        await sandbox.settle(debited, "succeeded")
        await gateway.deliver(await sandbox.event(debited, SUCCEEDED))
        assert await gateway.balance(people.alice) == Decimal("10.00")

    async def test_completed_after_succeeded_credits_once(
        self, gateway: Gateway, people: People, sandbox: Sandbox, debited: str
    ) -> None:
        await sandbox.settle(debited, "succeeded")
        for kind in (SUCCEEDED, COMPLETED):
            (await gateway.deliver(await sandbox.event(debited, kind))).raise_for_status()
        assert await gateway.balance(people.alice) == Decimal("10.00")
        assert len(await gateway.rows(TOPUPS, customer_id=people.alice_id)) == 1

    async def test_both_at_once_credit_once(
        self, gateway: Gateway, people: People, sandbox: Sandbox, debited: str
    ) -> None:
        await sandbox.settle(debited, "succeeded")
        events = [await sandbox.event(debited, kind) for kind in (SUCCEEDED, COMPLETED)]
        await asyncio.gather(*(gateway.deliver(event) for event in events * 10))
        assert len(await gateway.rows(TOPUPS, customer_id=people.alice_id)) == 1

    async def test_one_that_fails_changes_nothing(
        self, gateway: Gateway, people: People, sandbox: Sandbox, debited: str
    ) -> None:
        await sandbox.settle(debited, "failed")
        for kind in (FAILED, COMPLETED):
            (await gateway.deliver(await sandbox.event(debited, kind))).raise_for_status()
        assert await gateway.balance(people.alice) == 0
        assert await status(gateway, debited) == "failed"


class TestNoPayment:
    async def test_a_declined_card_changes_nothing(
        self, gateway: Gateway, people: People, sandbox: Sandbox
    ) -> None:
        session_id = await gateway.topup(people.alice)
        for card in ("4000000000000002", "4000000000009995"):
            assert (await sandbox.pay(session_id, card=card)).status_code == 402
        await gateway.billing.fulfilment.fulfil(session_id)
        assert await gateway.balance(people.alice) == 0
        assert await status(gateway, session_id) == "open"

    async def test_an_abandoned_session_expires(
        self, gateway: Gateway, people: People, sandbox: Sandbox
    ) -> None:
        session_id = await gateway.topup(people.alice)
        await sandbox.form(f"/v1/checkout/sessions/{session_id}/expire")
        event = await sandbox.event(session_id, EXPIRED)
        assert (await gateway.deliver(event)).json()["outcome"] == "applied"
        assert await gateway.balance(people.alice) == 0
        assert await status(gateway, session_id) == "expired"

    async def test_a_late_payment_of_an_expired_order_is_credited(
        self, gateway: Gateway, people: People, sandbox: Sandbox, paid: Json
    ) -> None:
        session = about(paid)
        await gateway.rows(
            b"""UPDATE billing."LiteLLM_StripeTopupOrderTable" SET status = 'expired'
                WHERE checkout_session_id = %(id)s""",
            id=session["id"],
        )
        assert (await gateway.deliver(paid)).json()["outcome"] == "applied"
        assert await gateway.balance(people.alice) == Decimal("10.00")
