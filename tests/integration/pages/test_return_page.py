"""The page after Checkout: it credits what was paid, and shows one payment and no more."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from uuid import uuid4

import pytest

from billing.settings import Settings
from tests.integration.conftest import People, seat
from tests.integration.plain_gateway import Gateway, Sandbox, run_gateway

PAGE = "/billing/topup/return"


class TestAPaidSession:
    async def test_the_page_credits_it_where_no_event_came(
        self, gateway: Gateway, people: People, sandbox: Sandbox
    ) -> None:
        session_id = await gateway.topup(people.alice, "12.34")
        await sandbox.pay(session_id)
        page = await gateway.get(PAGE, None, session_id=session_id)
        assert page.status_code == 200
        assert "12.34 USD" in page.text
        assert "refresh" not in page.text
        assert await gateway.balance(people.alice) == Decimal("12.34")
        again = await gateway.get(PAGE, None, session_id=session_id)
        assert "12.34 USD" in again.text
        assert await gateway.balance(people.alice) == Decimal("12.34")

    async def test_page_poller_and_event_at_once_credit_once(
        self, gateway: Gateway, people: People, sandbox: Sandbox
    ) -> None:
        session_id = await gateway.topup(people.alice)
        await sandbox.pay(session_id)
        event = await sandbox.event(session_id, "checkout.session.completed")
        await asyncio.gather(
            *(gateway.get(PAGE, None, session_id=session_id) for _ in range(5)),
            *(gateway.deliver(event) for _ in range(5)),
            *(gateway.billing.fulfilment.fulfil(session_id) for _ in range(5)),
        )
        assert await gateway.balance(people.alice) == Decimal("10.00")
        lines = (await gateway.get("/stripe/transactions", people.alice)).json()["data"]
        assert len(lines) == 1
        assert lines[0]["type"] == "topup"
        assert lines[0]["detail"]["checkout_session_id"] == session_id


class TestAnyOther:
    async def test_one_that_stripe_forgot_wants_a_look(
        self, gateway: Gateway, people: People, sandbox: Sandbox
    ) -> None:
        session_id = await gateway.topup(people.alice)
        gone = f"cs_test_{uuid4().hex}"
        query = b"""UPDATE billing."LiteLLM_StripeTopupOrderTable" SET checkout_session_id = %(gone)s
                     WHERE checkout_session_id = %(session_id)s"""
        await gateway.rows(query, gone=gone, session_id=session_id)
        page = await gateway.get(PAGE, None, session_id=gone)
        assert "needs attention" in page.text
        assert "ord_" in page.text

    async def test_an_open_one_is_looked_at_again_but_not_for_ever(
        self, gateway: Gateway, people: People
    ) -> None:
        session_id = await gateway.topup(people.alice)
        page = await gateway.get(PAGE, None, session_id=session_id)
        assert f'content="2;url=?session_id={session_id}&amp;looks=1"' in page.text
        page = await gateway.get(PAGE, None, session_id=session_id, looks="6")
        assert "refresh" not in page.text
        assert await gateway.balance(people.alice) == 0

    async def test_a_failed_and_an_expired_one_say_so(
        self, gateway: Gateway, people: People, sandbox: Sandbox
    ) -> None:
        expired = await gateway.topup(people.alice)
        await sandbox.form(f"/v1/checkout/sessions/{expired}/expire")
        assert "Expired" in (await gateway.get(PAGE, None, session_id=expired)).text
        await sandbox.switch(settle_delay_ms=None)
        failed = await gateway.topup(people.alice)
        await sandbox.pay(failed, method="bank_debit")
        assert "in progress" in (await gateway.get(PAGE, None, session_id=failed)).text
        await sandbox.settle(failed, "failed")
        assert "Payment failed" in (await gateway.get(PAGE, None, session_id=failed)).text
        assert await gateway.balance(people.alice) == 0

    async def test_a_canceled_one_says_so(self, gateway: Gateway) -> None:
        assert "Not paid" in (await gateway.get(PAGE, None, canceled="1")).text

    @pytest.mark.parametrize(
        "session_id",
        [None, "", "cs_test_unknown", "<script>alert(1)</script>", "cs_test_a/../..", "x" * 5000, "cs_\0"],
    )
    async def test_an_unknown_one_is_404_and_stripe_is_not_asked(
        self, settings: Settings, session_id: str | None
    ) -> None:
        nowhere = settings.model_copy(update={"stripe_api_base": "http://127.0.0.1:9"})
        async with run_gateway(nowhere) as gateway:
            params = {} if session_id is None else {"session_id": session_id}
            page = await gateway.get(PAGE, None, **params)
            assert page.status_code == 404
            assert "<script>alert" not in page.text

    async def test_while_stripe_is_away_the_page_says_to_wait(
        self, settings: Settings, gateway: Gateway, people: People
    ) -> None:
        session_id = await gateway.topup(people.alice)
        async with run_gateway(
            settings.model_copy(update={"stripe_api_base": "http://127.0.0.1:9"})
        ) as alone:
            page = await alone.get(PAGE, None, session_id=session_id)
        assert page.status_code == 200
        assert "not lost" in page.text


class TestItsHeaders:
    async def test_nothing_foreign_runs_frames_or_is_told(self, gateway: Gateway) -> None:
        page = await gateway.get(PAGE, None, canceled="1", session_id=f"cs_test_{uuid4().hex}")
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe-inline" not in policy
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["cache-control"] == "no-store"
        assert "http://" not in page.text
        assert "https://" not in page.text


async def test_a_gateway_without_stripe_still_has_the_page(settings: Settings) -> None:
    async with run_gateway(settings.model_copy(update={"stripe_api_key": None})) as gateway:
        seat(gateway)
        assert (await gateway.get(PAGE, None, session_id="cs_test_1")).status_code == 404
