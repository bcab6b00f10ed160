"""When the gateway tries a parked event again, in which order, for how long, and what metrics say of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY

from billing.webhooks.dispatch import Dispatch
from billing.webhooks.parked import ParkedEvents
from billing.webhooks.schemas import InboxOutcome
from billing.webhooks.service import Webhooks
from tests.integration.conftest import People
from tests.integration.plain_gateway import Gateway, Json, Sandbox, sign
from tests.integration.webhooks.events import kept, made_up
from tests.integration.webhooks.parked import AGE, BREAK, FORGET, SHOW, Parking, make_due, next_try, parked

LATER = timedelta(seconds=20)  # the database's clock runs on between a try and our look


@pytest.fixture
async def parking(gateway: Gateway) -> AsyncIterator[Parking]:
    await gateway.rows(FORGET)
    yield Parking()
    await gateway.rows(FORGET)


class TestOrderAndPauses:
    """Of events that stay parked."""

    async def deliver(self, gateway: Gateway, handler: Parking, *events: Json) -> ParkedEvents:
        dispatch = Dispatch(gateway.billing.settings, [handler])
        webhooks = Webhooks(gateway.billing.settings, gateway.pool, dispatch)
        for event in events:
            body = json.dumps(event).encode()
            assert (await webhooks.receive(body, sign(body))).outcome is InboxOutcome.PARKED
        handler.seen.clear()
        return ParkedEvents(gateway.pool, dispatch)

    def thing(self, created: int, name: str = "thing_1") -> Json:
        return made_up({"id": name}, "thing.happened", created=created)

    async def test_it_is_due_a_minute_after_its_delivery(self, gateway: Gateway, parking: Parking) -> None:
        event = self.thing(10)
        await self.deliver(gateway, parking, event)
        tries, pause = await next_try(gateway, event)
        assert tries == 0
        assert pause is not None
        assert timedelta(minutes=1) - LATER < pause <= timedelta(minutes=1)

    async def test_an_objects_events_are_tried_in_the_order_of_stripes_time(
        self, gateway: Gateway, parking: Parking
    ) -> None:
        events = [self.thing(created) for created in (30, 10, 20)]
        again = await self.deliver(gateway, parking, *events)
        await make_due(gateway, events)
        assert await again.retry_due() == 3
        assert parking.seen == [events[1]["id"], events[2]["id"], events[0]["id"]]

    async def test_a_later_event_alone_does_not_overtake(self, gateway: Gateway, parking: Parking) -> None:
        earlier, later = self.thing(10), self.thing(20)
        again = await self.deliver(gateway, parking, earlier, later)
        await make_due(gateway, [later])
        assert await again.retry_due() == 0
        await make_due(gateway, [earlier])
        assert await again.retry_due() == 2

    async def test_a_new_event_of_the_object_brings_the_next_try_near(
        self, gateway: Gateway, parking: Parking
    ) -> None:
        earlier = self.thing(10)
        again = await self.deliver(gateway, parking, earlier)
        await gateway.rows(AGE, event_id=earlier["id"], age=timedelta(hours=40))
        await again.retry_due()
        _, pause = await next_try(gateway, earlier)
        assert pause is not None
        assert pause > timedelta(hours=5)
        await self.deliver(gateway, parking, self.thing(20))
        _, pause = await next_try(gateway, earlier)
        assert pause is not None
        assert pause <= timedelta(minutes=1)

    @pytest.mark.parametrize(
        ("age", "pause"),
        [
            (timedelta(seconds=70), timedelta(minutes=1)),
            (timedelta(minutes=10), timedelta(minutes=5)),
            (timedelta(hours=40), timedelta(hours=6)),
            (timedelta(hours=67), None),
            (timedelta(days=40), None),
        ],
        ids=["soon", "growing", "bounded", "ended", "long ended"],
    )
    async def test_the_pause_grows_and_ends_after_three_days(
        self, gateway: Gateway, parking: Parking, age: timedelta, pause: timedelta | None
    ) -> None:
        event = self.thing(10)
        again = await self.deliver(gateway, parking, event)
        await gateway.rows(AGE, event_id=event["id"], age=age)
        assert await again.retry_due() == 1
        tries, found = await next_try(gateway, event)
        assert tries == 1
        assert (found is None) == (pause is None)
        if found is not None and pause is not None:
            assert pause - LATER < found <= pause + LATER

    async def test_one_that_is_not_tried_any_more_is_kept_and_taken_when_it_is_sent_again(
        self, gateway: Gateway, people: People, sandbox: Sandbox
    ) -> None:
        [event] = await parked(gateway, people, sandbox, 1)
        await gateway.rows(AGE, event_id=event["id"], age=timedelta(days=4))
        assert await gateway.billing.parked_events.retry_due() == 1
        assert await gateway.billing.parked_events.retry_due() == 0
        assert await kept(gateway, event) == ("parked", "no order of ours asked for the session", 1)
        await gateway.rows(SHOW)
        assert (await gateway.deliver(event)).json()["outcome"] == "applied"

    async def test_metrics_show_how_many_how_old_and_what_came_of_it(
        self, gateway: Gateway, parking: Parking
    ) -> None:
        young, old, broken = self.thing(10, "thing_1"), self.thing(10, "thing_2"), self.thing(10, "thing_3")
        again = await self.deliver(gateway, parking, young, old, broken)
        [(ended_before,)] = await gateway.rows(
            b"""SELECT count(*) FROM billing."LiteLLM_StripeWebhookEventTable"
                 WHERE outcome = 'parked' AND retry_at IS NULL"""
        )
        before = {end: self.tries(end) for end in ("parked", "unexpected")}
        await gateway.rows(AGE, event_id=young["id"], age=timedelta(minutes=30))
        await gateway.rows(AGE, event_id=old["id"], age=timedelta(days=4))
        await gateway.rows(BREAK, event_id=broken["id"])
        await make_due(gateway, [broken])
        await again.retry_due()
        await again.count()
        assert self.tries("parked") == before["parked"] + 2
        assert self.tries("unexpected") == before["unexpected"] + 1
        assert REGISTRY.get_sample_value("proxyllm_parked_events", {"status": "retried"}) == 2
        ended = REGISTRY.get_sample_value("proxyllm_parked_events", {"status": "ended"})
        assert ended == int(str(ended_before)) + 1
        age_s = REGISTRY.get_sample_value("proxyllm_oldest_parked_event_age_seconds")
        assert age_s is not None
        assert 1800 <= age_s < 1800 + LATER.total_seconds()

    def tries(self, outcome: str) -> float:
        return REGISTRY.get_sample_value("proxyllm_parked_event_tries_total", {"outcome": outcome}) or 0.0
