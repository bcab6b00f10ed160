"""Receives events: verifies, loads, then stores and applies each in one transaction. After a failure nothing
is stored, and Stripe sends it again.
"""

from __future__ import annotations

import json
import math
import time

from pydantic import JsonValue, ValidationError

from billing.database import Connection, Pool
from billing.errors import BadRequest, BillingError
from billing.metrics.instruments import WEBHOOK_EVENTS
from billing.settings import Settings
from billing.webhooks import inbox
from billing.webhooks.dispatch import Dispatch, apply_in
from billing.webhooks.schemas import Apply, InboxOutcome, StripeEvent, WebhookReceipt
from billing.webhooks.signature import verify_signature


class Webhooks:
    """The inbox to which Stripe delivers events."""

    def __init__(self, settings: Settings, pool: Pool, dispatch: Dispatch) -> None:
        self._settings = settings
        self._pool = pool
        self._dispatch = dispatch

    async def receive(self, body: bytes, signature: str | None) -> WebhookReceipt:
        """Processes one delivery. When this returns, the event and its effects are committed.

        Raises NotConfigured, InvalidSignature, BadRequest, StripeUnavailable; then nothing was written.
        """
        try:
            receipt = await self._receive(body, signature)
        except BillingError as error:
            WEBHOOK_EVENTS.labels(error.code).inc()
            raise
        WEBHOOK_EVENTS.labels("duplicate" if receipt.duplicate else receipt.outcome.value).inc()
        return receipt

    async def _receive(self, body: bytes, signature: str | None) -> WebhookReceipt:
        verify_signature(body, signature, self._settings.webhook_secrets, time.time())
        payload = _parse(body)
        event = _event(payload)
        async with self._pool.connection() as connection:
            before = await inbox.outcome_of(connection, event.id)
        # Repeats of processed events do not ask Stripe; a parked event may match by now.
        apply = await self._dispatch.prepare(event) if _is_due(before) else None
        async with self._pool.connection() as connection, connection.transaction():
            return await self._keep_in(connection, event, payload, apply)

    async def _keep_in(
        self, connection: Connection, event: StripeEvent, payload: JsonValue, apply: Apply | None
    ) -> WebhookReceipt:
        is_new, outcome = await inbox.record(connection, event, payload)
        if apply is not None and (is_new or _is_due(outcome)):
            outcome = (await apply_in(connection, event, apply)).outcome
            if outcome is InboxOutcome.PARKED and event.object_id is not None:
                await inbox.hurry_parked(connection, event.object_id)
        return WebhookReceipt(event_id=event.id, outcome=outcome, duplicate=not is_new)


def _is_due(outcome: InboxOutcome | None) -> bool:
    return outcome in (None, InboxOutcome.PARKED)


def _parse(body: bytes) -> JsonValue:
    try:
        payload: JsonValue = json.loads(body, parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError) as error:
        raise BadRequest("The body is not JSON.") from error
    return payload


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not finite")
    return number


def _event(payload: JsonValue) -> StripeEvent:
    try:
        return StripeEvent.model_validate(payload)
    except ValidationError as error:
        raise BadRequest("The body is not a Stripe snapshot event.") from error
