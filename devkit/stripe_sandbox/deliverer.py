"""Sends queued events to their endpoints, signed, and retries until they are accepted."""

from __future__ import annotations

import asyncio
import json
import time

import httpx

from devkit.stripe_sandbox import deliveries
from devkit.stripe_sandbox.deliveries import Answer, Delivery
from devkit.stripe_sandbox.objects.events import Event, WebhookEndpoint
from devkit.stripe_sandbox.runtime import Sandbox
from devkit.stripe_sandbox.signatures import signature_header
from devkit.stripe_sandbox.switches import Switches

AT_ONCE_MAX = 64
TIMEOUT_S = 20.0  # Stripe's is of this size
LOOK_AGAIN_S = 0.1
SHOWN_MAX = 500  # of an endpoint's answer, in the log
_HEADERS = {
    "Content-Type": "application/json; charset=utf-8",
    "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
}


async def deliver_forever(sandbox: Sandbox) -> None:
    """The background task: sends one batch after the other when due."""
    limits = httpx.Limits(max_connections=AT_ONCE_MAX, max_keepalive_connections=AT_ONCE_MAX)
    async with httpx.AsyncClient(timeout=TIMEOUT_S, limits=limits, trust_env=False) as client:
        running: set[asyncio.Task[None]] = set()
        try:
            while True:
                await _step(sandbox, client, running)
        finally:
            for task in running:
                task.cancel()


async def _step(sandbox: Sandbox, client: httpx.AsyncClient, running: set[asyncio.Task[None]]) -> None:
    sandbox.wake_deliverer.clear()
    switches = sandbox.switches
    at_once_max = 1 if switches.reorder else AT_ONCE_MAX
    busy = {task.get_name() for task in running}
    free = at_once_max - len(running)
    if free > 0 and not switches.paused:
        candidates = deliveries.due(
            sandbox.store, time.time(), newest_first=switches.reorder, limit=at_once_max
        )
        for delivery in [item for item in candidates if str(item.id) not in busy][:free]:
            task = asyncio.create_task(_send(sandbox, client, delivery), name=str(delivery.id))
            running.add(task)
            task.add_done_callback(running.discard)
            task.add_done_callback(lambda _: sandbox.wake_deliverer.set())  # it no longer runs only now
    if not running and deliveries.pending(sandbox.store) == 0:
        sandbox.idle.set()
    await _wait(sandbox, running, switches)


async def _wait(sandbox: Sandbox, running: set[asyncio.Task[None]], switches: Switches) -> None:
    """Waits until something is queued, a delivery ends, or the next one is due."""
    due_at = None if switches.paused else deliveries.next_due(sandbox.store, collect=switches.reorder)
    timeout_s = None if due_at is None else max(0.0, due_at - time.time())
    if timeout_s is not None and running:
        timeout_s = max(timeout_s, LOOK_AGAIN_S)  # deliveries in progress are due as well
    try:
        await asyncio.wait_for(sandbox.wake_deliverer.wait(), timeout_s)
    except TimeoutError:
        return


async def _send(sandbox: Sandbox, client: httpx.AsyncClient, delivery: Delivery) -> None:
    event = sandbox.store.get(Event, delivery.event_id)
    endpoint = sandbox.store.get(WebhookEndpoint, delivery.endpoint_id)
    if event is None or endpoint is None:
        with sandbox.store.transaction():
            deliveries.abandon(sandbox.store, delivery)
    else:
        answer = await _post(client, endpoint, payload(event, deliveries.pending(sandbox.store, event.id)))
        with sandbox.store.transaction():
            deliveries.finish(sandbox.store, delivery, answer, sandbox.switches)
            deliveries.prune(sandbox.store)


def payload(event: Event, pending: int) -> bytes:
    """Returns the bytes to sign and send: indented, like Stripe's."""
    return json.dumps({**event.wire(), "pending_webhooks": pending}, indent=2).encode()


async def _post(client: httpx.AsyncClient, endpoint: WebhookEndpoint, body: bytes) -> Answer:
    signature = signature_header(body, endpoint.secrets, int(time.time()))
    started = time.monotonic()
    try:
        response = await client.post(
            endpoint.url, content=body, headers={**_HEADERS, "Stripe-Signature": signature}
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Answer(None, f"{type(error).__name__}: {error}"[:SHOWN_MAX], _since(started))
    return Answer(response.status_code, response.text[:SHOWN_MAX], _since(started))


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
