"""The rows of the inbox, in the caller's transaction."""

from __future__ import annotations

import json

from psycopg.types.json import Jsonb
from pydantic import JsonValue

from billing.database import Connection, load_statements
from billing.webhooks.schemas import Decision, InboxOutcome, StripeEvent

_SQL = load_statements("billing.webhooks")


async def outcome_of(connection: Connection, event_id: str) -> InboxOutcome | None:
    """What was done about the event before; None for a new one."""
    cursor = await connection.execute(_SQL["outcome_of"], {"event_id": event_id})
    row = await cursor.fetchone()
    return InboxOutcome(row[0]) if row is not None else None


async def record(connection: Connection, event: StripeEvent, payload: JsonValue) -> tuple[bool, InboxOutcome]:
    """Keeps the event, or counts one more delivery of it. Returns whether it is new, and its outcome so far.

    Deliveries of one event queue up here until the transaction of the first has ended.
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
    """Notes what was done about the event."""
    values = {"event_id": event_id, "outcome": decision.outcome.value, "reason": decision.reason}
    await connection.execute(_SQL["record_outcome"], values)


def _storable(value: JsonValue) -> JsonValue:
    """PostgreSQL's jsonb takes neither NUL nor lone surrogates; an event with them must not fail for ever."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {str(_storable(key)): _storable(item) for key, item in value.items()}
    return value
