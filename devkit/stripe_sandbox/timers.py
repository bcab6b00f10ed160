"""Timed actions: unpaid sessions expire, bank debits settle, old keys and events are deleted."""

from __future__ import annotations

import asyncio
import time

from devkit.stripe_sandbox import checkout, idempotency
from devkit.stripe_sandbox.checkout import Settlement
from devkit.stripe_sandbox.objects.events import Event
from devkit.stripe_sandbox.objects.session import CheckoutSession
from devkit.stripe_sandbox.operation import Operation
from devkit.stripe_sandbox.resources import sessions
from devkit.stripe_sandbox.resources.events import KEEP_S as EVENTS_KEPT_S
from devkit.stripe_sandbox.runtime import Sandbox
from devkit.stripe_sandbox.store import Condition, Store

BATCH_MAX = 100
LOOK_AGAIN_S = 3600.0
_OPEN = Condition("json_extract(body, '$.status') = 'open'")
_TIMED = Condition("json_extract(body, '$.due_at') IS NOT NULL")


async def tick_forever(sandbox: Sandbox) -> None:
    """The background task: does what is due, then waits for the next."""
    while True:
        sandbox.wake_timers.clear()
        next_at = sandbox.operate(_tick) if _is_due(sandbox.store) else _next_at(sandbox.store)
        timeout_s = min(LOOK_AGAIN_S, max(0.0, next_at - time.time()))
        try:
            await asyncio.wait_for(sandbox.wake_timers.wait(), timeout_s)
        except TimeoutError:
            continue


def _is_due(store: Store) -> bool:
    return _next_at(store) <= time.time()


def _tick(operation: Operation) -> float:
    store, now = operation.store, time.time()
    due = Condition("json_extract(body, '$.expires_at') <= ?", (now,))
    for session in store.find(CheckoutSession, [_OPEN, due], limit=BATCH_MAX, newest_first=False):
        sessions.expire(operation, session.id)
    settled = Condition("json_extract(body, '$.due_at') <= ?", (now,))
    for settlement in store.find(Settlement, [_TIMED, settled], limit=BATCH_MAX, newest_first=False):
        checkout.settle(operation, settlement.id.removeprefix("settle_"), None)
    forget(store)
    return _next_at(store)


def forget(store: Store) -> None:
    """Deletes what Stripe would not keep either: idempotency keys after a day, events after a month."""
    idempotency.prune(store)
    store.connection.execute(
        "DELETE FROM records WHERE kind = ? AND json_extract(body, '$.created') < ?",
        (Event.kind, time.time() - EVENTS_KEPT_S),
    )


def _next_at(store: Store) -> float:
    row = store.connection.execute(
        "SELECT min(at) FROM (SELECT min(json_extract(body, '$.expires_at')) AS at FROM records "
        "WHERE kind = 'checkout.session' AND json_extract(body, '$.status') = 'open' "
        "UNION ALL SELECT min(json_extract(body, '$.due_at')) FROM records WHERE kind = 'settlement')"
    ).fetchone()
    return float("inf") if row[0] is None else float(row[0])
