"""Parked events are tried again by the gateway: Stripe, which got its 2xx, does not send them again."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path

from billing.jobs.background import Background
from billing.settings import Settings
from billing.webhooks.dispatch import Dispatch
from billing.webhooks.parked import ParkedEvents
from billing.webhooks.schemas import Apply, InboxOutcome, StripeEvent, decided
from billing.webhooks.service import Webhooks
from tests.integration.conftest import People
from tests.integration.plain_gateway import Gateway, Json, Sandbox, run_gateway, sign
from tests.integration.webhooks.events import about, kept, made_up
from tests.integration.webhooks.parked import BREAK, FORGET, SHOW, make_due, next_try, parked

OF_THE_RELEASE_BEFORE = b"""
INSERT INTO billing."LiteLLM_StripeWebhookEventTable"
       (event_id, type, livemode, object_id, created, payload, outcome, reason)
VALUES (%(event_id)s, 'checkout.session.completed', FALSE, NULL, now(), %(payload)s, 'parked', 'as ever')"""
TOPUPS = b"""
SELECT t.source_key FROM billing."LiteLLM_StripeTransactionTable" t
  JOIN billing."LiteLLM_StripeBalanceTable" a ON a.id = t.account_id WHERE a.customer_id = %(customer_id)s"""
ROOT = Path(__file__).resolve().parents[3]


class TestAnEventBeforeItsOrder:
    async def test_it_is_credited_without_a_second_delivery(
        self, gateway: Gateway, people: People, sandbox: Sandbox
    ) -> None:
        [event] = await parked(gateway, people, sandbox, 1)
        assert await kept(gateway, event) == ("parked", "no order of ours asked for the session", 1)
        await gateway.rows(SHOW)
        assert await gateway.billing.parked_events.retry_due() == 0
        await make_due(gateway, [event])
        assert await gateway.billing.parked_events.retry_due() == 1
        assert await gateway.balance(people.alice) == Decimal("10.00")
        assert await kept(gateway, event) == ("applied", "credited", 1)

    async def test_the_gateway_does_so_by_itself(
        self, gateway: Gateway, people: People, sandbox: Sandbox
    ) -> None:
        [event] = await parked(gateway, people, sandbox, 1)
        await gateway.rows(SHOW)
        await make_due(gateway, [event])
        background = Background()
        background.start(gateway.billing.jobs())
        async with asyncio.timeout(15):
            done = ("applied", "credited", 1)
            while await kept(gateway, event) != done:  # noqa: ASYNC110 - the signal is in Postgres
                await asyncio.sleep(0.05)
        await background.stop()
        assert await gateway.balance(people.alice) == Decimal("10.00")

    async def test_one_of_the_release_before_is_tried_too(
        self, gateway: Gateway, people: People, sandbox: Sandbox, paid: Json
    ) -> None:
        await gateway.rows(FORGET)
        await gateway.rows(OF_THE_RELEASE_BEFORE, event_id=paid["id"], payload=json.dumps(paid))
        assert await gateway.billing.parked_events.retry_due() == 1
        assert await gateway.balance(people.alice) == Decimal("10.00")


class TestReplicas:
    async def test_share_the_work_and_credit_each_once(
        self, settings: Settings, gateway: Gateway, people: People, sandbox: Sandbox
    ) -> None:
        events = await parked(gateway, people, sandbox, 6)
        await gateway.rows(SHOW)
        await make_due(gateway, events)
        async with run_gateway(settings) as replica:
            tried = await asyncio.gather(
                *(one.billing.parked_events.retry_due() for one in (gateway, replica) * 3)
            )
        assert sum(tried) == 6
        assert len(await gateway.rows(TOPUPS, customer_id=people.alice_id)) == 6
        assert await gateway.balance(people.alice) == Decimal("60.00")

    async def test_a_try_and_deliveries_at_once_decide_once(
        self, settings: Settings, gateway: Gateway, people: People, sandbox: Sandbox
    ) -> None:
        [event] = await parked(gateway, people, sandbox, 1)
        await gateway.rows(SHOW)
        await make_due(gateway, [event])
        async with run_gateway(settings) as replica:
            await asyncio.gather(
                *(one.billing.parked_events.retry_due() for one in (gateway, replica)),
                *(one.deliver(event) for one in (gateway, replica) * 5),
            )
        assert await kept(gateway, event) == ("applied", "credited", 11)
        assert len(await gateway.rows(TOPUPS, customer_id=people.alice_id)) == 1

    async def test_what_was_delivered_meanwhile_is_not_decided_again(self, gateway: Gateway) -> None:
        await gateway.rows(FORGET)
        handler = Overtaken()
        dispatch = Dispatch(gateway.billing.settings, [handler])
        webhooks = Webhooks(gateway.billing.settings, gateway.pool, dispatch)
        event = made_up({"id": "thing_1"}, "thing.happened")
        body = json.dumps(event).encode()
        handler.deliver = lambda: webhooks.receive(body, sign(body))
        await handler.deliver()
        await make_due(gateway, [event])
        assert await ParkedEvents(gateway.pool, dispatch).retry_due() == 1
        assert handler.prepared == 3
        assert await kept(gateway, event) == ("applied", "once", 2)

    async def test_one_that_is_killed_while_it_asks_stripe_loses_nothing(
        self, settings: Settings, gateway: Gateway, people: People, sandbox: Sandbox
    ) -> None:
        [event] = await parked(gateway, people, sandbox, 1)
        await gateway.rows(SHOW)
        await make_due(gateway, [event])
        asked = asyncio.Event()

        async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.set()
            await reader.read(-1)
            writer.close()

        server = await asyncio.start_server(never_answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        assert settings.database_url is not None
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "DATABASE_URL": settings.database_url.get_secret_value(),
            "STRIPE_API_KEY": sandbox.api_key,
            "STRIPE_API_BASE": f"http://127.0.0.1:{port}",
        }
        command = [sys.executable, "-m", "tests.integration.webhooks.retrying_process"]
        process = await asyncio.create_subprocess_exec(*command, env=environment, cwd=ROOT)
        async with server, asyncio.timeout(60):
            await asked.wait()
            process.kill()
            await process.wait()
        assert await kept(gateway, event) == ("parked", "no order of ours asked for the session", 1)
        tries, pause = await next_try(gateway, event)
        assert (tries, pause is not None) == (1, True)
        await make_due(gateway, [event])
        assert await gateway.billing.parked_events.retry_due() == 1
        assert await gateway.balance(people.alice) == Decimal("10.00")


class TestAnEventThatBreaksItsHandler:
    async def test_does_not_keep_others_waiting(
        self, gateway: Gateway, people: People, sandbox: Sandbox
    ) -> None:
        broken, good = await parked(gateway, people, sandbox, 2)
        await gateway.rows(BREAK, event_id=broken["id"])
        await gateway.rows(SHOW)
        await make_due(gateway, [broken, good])
        assert await gateway.billing.parked_events.retry_due() == 2
        assert await kept(gateway, broken) == ("parked", "its handler failed: ValidationError", 1)
        assert await kept(gateway, good) == ("applied", "credited", 1)

    async def test_nor_a_later_one_of_its_own_object(
        self, gateway: Gateway, people: People, sandbox: Sandbox
    ) -> None:
        [good] = await parked(gateway, people, sandbox, 1)
        broken = made_up(about(good), created=1)
        assert (await gateway.deliver(broken)).json()["outcome"] == "parked"
        await gateway.rows(BREAK, event_id=broken["id"])
        await gateway.rows(SHOW)
        await make_due(gateway, [broken, good])
        assert await gateway.billing.parked_events.retry_due() == 2
        assert await kept(gateway, good) == ("applied", "credited", 1)

    async def test_while_stripe_is_away_the_reason_says_so(
        self, settings: Settings, gateway: Gateway, people: People, sandbox: Sandbox
    ) -> None:
        [event] = await parked(gateway, people, sandbox, 1)
        await make_due(gateway, [event])
        away = settings.model_copy(update={"stripe_api_base": "http://127.0.0.1:9"})
        async with run_gateway(away) as alone:
            assert await alone.billing.parked_events.retry_due() == 1
        row = await kept(gateway, event)
        assert row is not None
        assert (row[0], "payment service did not answer" in str(row[1])) == ("parked", True)


class Overtaken:
    """A handler that parks an event; while the gateway tries it again, Stripe delivers it once more."""

    types = frozenset(("thing.happened",))

    def __init__(self) -> None:
        self.prepared = 0
        self.deliver: Callable[[], Awaitable[object]] | None = None

    async def prepare(self, event: StripeEvent) -> Apply:
        self.prepared += 1
        match self.prepared:
            case 1:
                return decided(InboxOutcome.PARKED)
            case 2:
                assert self.deliver is not None
                await self.deliver()
                return decided(InboxOutcome.APPLIED, "a second time")
        return decided(InboxOutcome.APPLIED, "once")
