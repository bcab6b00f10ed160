"""Receiving an event: verify, learn, then keep and apply it in one transaction. A failure keeps nothing, and
Stripe sends it again."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Iterable

from pydantic import JsonValue, ValidationError

from billing.database import Connection, Pool
from billing.errors import BadRequest, BillingError
from billing.metrics.instruments import WEBHOOK_EVENTS
from billing.settings import Settings
from billing.webhooks import inbox
from billing.webhooks.schemas import (
    Apply,
    EventHandler,
    InboxOutcome,
    StripeEvent,
    WebhookReceipt,
    decided,
)
from billing.webhooks.signature import verify_signature

logger = logging.getLogger(__name__)


class Webhooks:
    """The inbox and the handlers of each family of events."""

    def __init__(self, settings: Settings, pool: Pool, handlers: Iterable[EventHandler]) -> None:
        self._settings = settings
        self._pool = pool
        self._handlers = {kind: handler for handler in handlers for kind in handler.types}

    async def receive(self, body: bytes, signature: str | None) -> WebhookReceipt:
        """Takes one delivery. When this returns, the event and what it did are committed.

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
        # A repeat of what is settled asks Stripe nothing; a parked event may fit by now.
        apply = await self._prepare(event) if _is_due(before) else None
        async with self._pool.connection() as connection, connection.transaction():
            return await self._keep_in(connection, event, payload, apply)

    async def _prepare(self, event: StripeEvent) -> Apply:
        if event.account is not None:
            return decided(InboxOutcome.REFUSED, f"of the connected account {event.account}, not of ours")
        if event.livemode != self._settings.livemode:
            return decided(InboxOutcome.REFUSED, f"livemode={event.livemode} is not the mode of our key")
        handler = self._handlers.get(event.type)
        if handler is None:
            return decided(InboxOutcome.IGNORED, "no handler for this type")
        return await handler.prepare(event)

    async def _keep_in(
        self, connection: Connection, event: StripeEvent, payload: JsonValue, apply: Apply | None
    ) -> WebhookReceipt:
        is_new, outcome = await inbox.record(connection, event, payload)
        if apply is not None and (is_new or _is_due(outcome)):
            decision = await apply(connection)
            outcome = decision.outcome
            await inbox.record_outcome(connection, event.id, decision)
            logger.info("stripe event %s %s: %s (%s)", event.id, event.type, outcome, decision.reason)
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
        raise BadRequest("The body is no Stripe snapshot event.") from error
