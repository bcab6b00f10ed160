"""The event table, in the caller's transaction."""

from __future__ import annotations

import json
from datetime import timedelta

from psycopg.rows import class_row
from psycopg.types.json import Jsonb
from pydantic import JsonValue

from billing.database import Connection, load_statements
from billing.webhooks.schemas import Decision, InboxOutcome, ParkedCount, ParkedEvent, StripeEvent

PAUSE_MIN = timedelta(minutes=1)
PAUSE_MAX = timedelta(hours=6)
TRIED_FOR = timedelta(days=3)  # as long as Stripe retries (https://docs.stripe.com/webhooks#behaviors)
OBJECTS_MAX = 20  # per claim: each may ask Stripe
EVENTS_MAX = 100

_SQL = load_statements("billing.webhooks")


async def outcome_of(connection: Connection, event_id: str) -> InboxOutcome | None:
    """Returns the stored outcome of the event; None for a new one."""
    cursor = await connection.execute(_SQL["outcome_of"], {"event_id": event_id})
    row = await cursor.fetchone()
    return InboxOutcome(row[0]) if row is not None else None


async def record(connection: Connection, event: StripeEvent, payload: JsonValue) -> tuple[bool, InboxOutcome]:
    """Stores the event, or counts another delivery. Returns whether it is new, and its outcome so far.

    Concurrent deliveries of one event wait here until the first one's transaction has ended.
    """
    values = {
        "event_id": event.id,
        "type": event.type,
        "api_version": event.api_version,
        "livemode": event.livemode,
        "account": event.account,
        "object_id": event.object_id,
        "created": event.created,
        "payload": Jsonb(_storable(payload), dumps=json.dumps),
    }
    row = await (await connection.execute(_SQL["record_event"], values)).fetchone()
    assert row is not None  # ON CONFLICT DO UPDATE always returns one
    return bool(row[0]), InboxOutcome(row[1])


async def record_outcome(connection: Connection, event_id: str, decision: Decision) -> None:
    """Stores the outcome of the event."""
    values = {
        "event_id": event_id,
        "outcome": decision.outcome.value,
        "reason": decision.reason,
        "pause_min": PAUSE_MIN,
    }
    await connection.execute(_SQL["record_outcome"], values)


async def hurry_parked(connection: Connection, object_id: str) -> None:
    """Schedules an early retry of events parked for the object."""
    await connection.execute(_SQL["hurry_parked"], {"object_id": object_id, "pause_min": PAUSE_MIN})


async def claim_parked(connection: Connection) -> list[tuple[str, JsonValue]]:
    """Claims the parked events that are due, and schedules their next retry.

    Returns their ids and payloads, those of an object in the order of Stripe's time.
    """
    values = {
        "pause_min": PAUSE_MIN,
        "pause_max": PAUSE_MAX,
        "tried_for": TRIED_FOR,
        "objects_max": OBJECTS_MAX,
        "events_max": EVENTS_MAX,
    }
    return await (await connection.execute(_SQL["claim_parked"], values)).fetchall()


async def lock_parked(connection: Connection, event_id: str) -> bool:
    """Locks the event until the end of the transaction. Returns whether it is still parked."""
    row = await (await connection.execute(_SQL["lock_parked"], {"event_id": event_id})).fetchone()
    return row is not None and bool(row[0])


async def record_failure(connection: Connection, event_id: str, reason: str) -> None:
    """Stores why a parked event could not be retried."""
    await connection.execute(_SQL["record_failure"], {"event_id": event_id, "reason": reason})


async def count_parked(connection: Connection) -> ParkedCount:
    """Returns the number of parked events, and the age of the oldest that is still retried."""
    row = await (await connection.execute(_SQL["count_parked"])).fetchone()
    assert row is not None  # a SELECT of aggregates
    return ParkedCount(*row)


async def list_parked(connection: Connection, limit: int, *, is_retried: bool) -> list[ParkedEvent]:
    """Returns the oldest parked events that are still retried, or those that no longer are."""
    async with connection.cursor(row_factory=class_row(ParkedEvent)) as cursor:
        await cursor.execute(_SQL["list_parked"], {"is_retried": is_retried, "limit": limit})
        return await cursor.fetchall()


def _storable(value: JsonValue) -> JsonValue:
    """Replaces NUL and unpaired surrogates, which jsonb rejects; such an event must not fail forever."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {str(_storable(key)): _storable(item) for key, item in value.items()}
    return value
