"""The queue of webhook deliveries: pending ones, attempts, and results."""

from __future__ import annotations

import json
import sqlite3
import time
from dataclasses import dataclass

from pydantic import JsonValue

from devkit.stripe_sandbox.errors import Json
from devkit.stripe_sandbox.objects.events import Event, WebhookEndpoint
from devkit.stripe_sandbox.store import Store
from devkit.stripe_sandbox.switches import Switches

ENDPOINTS_MAX = 16  # as Stripe allows
KEPT_MAX = 10_000  # finished deliveries in the log
KEEP_TRYING_S = 3 * 24 * 3600
WAIT_MAX_S = 30.0
REORDER_WINDOW_S = 0.25
COLLECT_MAX_S = 2.0  # a batch is sent then, even if more events would join it


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event to be sent to an endpoint."""

    id: int
    event_id: str
    endpoint_id: str
    attempts: int  # so far
    created: float


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of an attempt: an HTTP status, or None and the reason."""

    status: int | None
    detail: str
    duration_ms: int

    @property
    def accepted(self) -> bool:
        """Whether the endpoint accepted the event."""
        return self.status is not None and 200 <= self.status < 300


def enqueue(store: Store, event: Event, switches: Switches) -> None:
    """Queues the event for each endpoint that wants it, `duplicates` times."""
    now = time.time()
    due_at = now + switches.delay_ms / 1000 + (REORDER_WINDOW_S if switches.reorder else 0)
    for endpoint in store.find(WebhookEndpoint, [], limit=ENDPOINTS_MAX):
        if endpoint.wants(event.type):
            _insert(store, event, endpoint.id, due_at=due_at, now=now, times=switches.duplicates)


def resend(store: Store, event: Event, endpoint_id: str | None) -> int:
    """Queues the event again immediately, for one endpoint or all; returns for how many."""
    now = time.time()
    wanted = [
        endpoint
        for endpoint in store.find(WebhookEndpoint, [], limit=ENDPOINTS_MAX)
        if endpoint_id == endpoint.id or (endpoint_id is None and endpoint.wants(event.type))
    ]
    for endpoint in wanted:
        _insert(store, event, endpoint.id, due_at=now, now=now, times=1)
    return len(wanted)


def _insert(store: Store, event: Event, endpoint_id: str, *, due_at: float, now: float, times: int) -> None:
    store.connection.executemany(
        "INSERT INTO deliveries (event_id, event_type, endpoint_id, due_at, created) VALUES (?, ?, ?, ?, ?)",
        [(event.id, event.type, endpoint_id, due_at, now)] * times,
    )


def pending(store: Store, event_id: str | None = None) -> int:
    """Counts the pending deliveries (of one event, or all)."""
    row = store.connection.execute(
        "SELECT count(*) FROM deliveries WHERE status = 'pending' AND (? IS NULL OR event_id = ?)",
        (event_id, event_id),
    ).fetchone()
    return int(row[0])


def due(store: Store, now: float, *, newest_first: bool, limit: int) -> list[Delivery]:
    """Returns due deliveries; newest first only when a whole batch is collected."""
    if (next_due(store, collect=newest_first) or now) > now:
        return []
    order = "id DESC" if newest_first else "due_at, id"
    rows = store.connection.execute(
        f"SELECT id, event_id, endpoint_id, attempts, created FROM deliveries "  # noqa: S608  # a constant
        f"WHERE status = 'pending' AND due_at <= ? ORDER BY {order} LIMIT ?",
        (now, limit),
    )
    return [Delivery(*row) for row in rows]


def next_due(store: Store, *, collect: bool) -> float | None:
    """Returns when the next delivery is due, or None.

    `collect`: when no more events seem to join the batch.
    """
    first, last = store.connection.execute(
        "SELECT min(due_at), max(due_at) FROM deliveries WHERE status = 'pending'"
    ).fetchone()
    if first is None:
        return None
    return float(min(last, first + COLLECT_MAX_S) if collect else first)


def finish(store: Store, delivery: Delivery, answer: Answer, switches: Switches) -> None:
    """Records an attempt: done, to be retried after a growing pause, or given up after three days."""
    now = time.time()
    status = "succeeded" if answer.accepted else "pending"
    if not answer.accepted and now - delivery.created > KEEP_TRYING_S:
        status = "failed"
    store.connection.execute(
        "UPDATE deliveries SET status = ?, attempts = attempts + 1, due_at = ?, response = ? WHERE id = ?",
        (status, now + _wait_s(delivery.attempts, switches), _response(answer), delivery.id),
    )


def abandon(store: Store, delivery: Delivery) -> None:
    """Ends a delivery whose endpoint or event has been deleted."""
    store.connection.execute("UPDATE deliveries SET status = 'failed' WHERE id = ?", (delivery.id,))


def _wait_s(attempts: int, switches: Switches) -> float:
    return min(WAIT_MAX_S, switches.retry_base_ms / 1000 * float(2 ** min(attempts, 20)))


def _response(answer: Answer) -> str:
    return json.dumps({"status": answer.status, "detail": answer.detail, "duration_ms": answer.duration_ms})


def prune(store: Store) -> None:
    """Limits the log of finished deliveries."""
    store.connection.execute(
        "DELETE FROM deliveries WHERE status <> 'pending' AND id <= (SELECT max(id) FROM deliveries) - ?",
        (KEPT_MAX,),
    )


def log(store: Store, *, event_id: str | None, status: str | None, limit: int) -> list[JsonValue]:
    """Returns the newest deliveries for `GET /sandbox/deliveries`."""
    cursor = store.connection.cursor()
    cursor.row_factory = sqlite3.Row
    rows = cursor.execute(
        "SELECT id, event_id, event_type, endpoint_id, status, attempts, due_at, created, response "
        "FROM deliveries WHERE (?1 IS NULL OR event_id = ?1) AND (?2 IS NULL OR status = ?2) "
        "ORDER BY id DESC LIMIT ?3",
        (event_id, status, limit),
    )
    return [_shown(row) for row in rows]


def _shown(row: sqlite3.Row) -> Json:
    shown: Json = {key: row[key] for key in row.keys() if key != "response"}  # noqa: SIM118  # a Row, not a dict
    response: JsonValue = json.loads(row["response"]) if row["response"] else None
    return {**shown, "last_response": response}
