"""Events that are parked, and what the database knows of their next try."""

from __future__ import annotations

from datetime import timedelta

from billing.webhooks.schemas import Apply, InboxOutcome, StripeEvent, decided
from tests.integration.conftest import People
from tests.integration.plain_gateway import Gateway, Json, Sandbox
from tests.integration.webhooks.events import COMPLETED

HIDE = b"""
UPDATE billing."LiteLLM_StripeTopupOrderTable" SET id = 'hidden_' || id, checkout_session_id = NULL
 WHERE checkout_session_id = ANY(%(sessions)s)"""
SHOW = b"""
UPDATE billing."LiteLLM_StripeTopupOrderTable" SET id = substr(id, 8) WHERE id LIKE 'hidden_%%'"""
FORGET = b"""UPDATE billing."LiteLLM_StripeWebhookEventTable" SET retry_at = NULL WHERE outcome = 'parked'"""
DUE = b"""
UPDATE billing."LiteLLM_StripeWebhookEventTable" SET retry_at = now() WHERE event_id = ANY(%(events)s)"""
AGE = b"""
UPDATE billing."LiteLLM_StripeWebhookEventTable" SET retry_at = now(), received_at = now() - %(age)s
 WHERE event_id = %(event_id)s"""
NEXT = b"""
SELECT tries, retry_at - now() FROM billing."LiteLLM_StripeWebhookEventTable" WHERE event_id = %(event_id)s"""
BREAK = b"""
UPDATE billing."LiteLLM_StripeWebhookEventTable" SET payload = '{"id": 5}' WHERE event_id = %(event_id)s"""


async def parked(gateway: Gateway, people: People, sandbox: Sandbox, count: int) -> list[Json]:
    """Delivered events of paid top-ups whose orders are not known; no other test's are due."""
    await gateway.rows(FORGET)
    sessions = [await gateway.topup(people.alice) for _ in range(count)]
    await gateway.rows(HIDE, sessions=sessions)
    events = []
    for session in sessions:
        (await sandbox.pay(session)).raise_for_status()
        events.append(await sandbox.event(session, COMPLETED))
        assert (await gateway.deliver(events[-1])).json()["outcome"] == "parked"
    return events


async def make_due(gateway: Gateway, events: list[Json]) -> None:
    await gateway.rows(DUE, events=[event["id"] for event in events])


async def next_try(gateway: Gateway, event: Json) -> tuple[int, timedelta | None]:
    """How often the gateway tried the event, and how long until it does again."""
    [(tries, pause)] = await gateway.rows(NEXT, event_id=event["id"])
    assert isinstance(tries, int)
    assert pause is None or isinstance(pause, timedelta)
    return tries, pause


class Parking:
    """A handler that parks everything and notes what it saw."""

    types = frozenset(("thing.happened",))

    def __init__(self) -> None:
        self.seen: list[str] = []

    async def prepare(self, event: StripeEvent) -> Apply:
        self.seen.append(event.id)
        return decided(InboxOutcome.PARKED, "for a test")
