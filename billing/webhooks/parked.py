"""Retries parked events: after a 2xx Stripe does not send them again.

An event is parked if its object is still unknown or does not match. It is retried after a minute, then with
growing pauses, for three days, as long as Stripe itself retries deliveries. What is still parked then is left
to a person.
"""

from __future__ import annotations

import logging

from pydantic import JsonValue

from billing.database import Pool
from billing.errors import BillingError
from billing.metrics.instruments import OLDEST_PARKED_EVENT, PARKED_EVENT_TRIES, PARKED_EVENTS
from billing.webhooks import inbox
from billing.webhooks.dispatch import Dispatch, apply_in
from billing.webhooks.schemas import StripeEvent

logger = logging.getLogger(__name__)


class ParkedEvents:
    """Safe on any number of replicas: events are claimed in one statement, and no lock waits for Stripe.

    If a process dies with claimed events, or Postgres fails during a run, they stay parked and are due again
    after their pause.
    """

    def __init__(self, pool: Pool, dispatch: Dispatch) -> None:
        self._pool = pool
        self._dispatch = dispatch

    async def retry_due(self) -> int:
        """Retries the events that are due, in the order of Stripe's time. Returns how many."""
        async with self._pool.connection() as connection:
            claimed = await inbox.claim_parked(connection)
        for event_id, payload in claimed:
            PARKED_EVENT_TRIES.labels(await self._try(event_id, payload)).inc()
        return len(claimed)

    async def count(self) -> None:
        """Sets the gauges of parked events."""
        async with self._pool.connection() as connection:
            parked = await inbox.count_parked(connection)
        PARKED_EVENTS.labels("retried").set(parked.retried)
        PARKED_EVENTS.labels("ended").set(parked.ended)
        OLDEST_PARKED_EVENT.set(parked.oldest_age_s)

    async def _try(self, event_id: str, payload: JsonValue) -> str:
        """Retries one event; its failure must not block the others. Returns its result as a word."""
        try:
            return await self._apply(StripeEvent.model_validate(payload))
        except BillingError as error:
            logger.warning("parked stripe event %s could not be retried: %s", event_id, error)
            await self._record_failure(event_id, error.message)
            return error.code
        except Exception as error:  # a bug triggered by one event must not stop the others
            logger.exception("the handler of parked stripe event %s failed", event_id)
            await self._record_failure(event_id, f"its handler failed: {type(error).__name__}")
            return "unexpected"

    async def _apply(self, event: StripeEvent) -> str:
        apply = await self._dispatch.prepare(event)
        async with self._pool.connection() as connection, connection.transaction():
            if not await inbox.lock_parked(connection, event.id):
                return "duplicate"  # delivered meanwhile, or retried by another replica
            return (await apply_in(connection, event, apply)).outcome.value

    async def _record_failure(self, event_id: str, reason: str) -> None:
        async with self._pool.connection() as connection:
            await inbox.record_failure(connection, event_id, reason)
