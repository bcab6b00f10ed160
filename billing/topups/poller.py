"""Finds payments whose event never arrived, by asking Stripe about orders without news."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import stripe

from billing.database import Pool
from billing.errors import BillingError
from billing.settings import Settings
from billing.stripe_api import StripeApi, stripe_errors
from billing.topups import orders
from billing.topups.fulfilment import Fulfilment
from billing.topups.schemas import Order, OrderStatus

BATCH = 50
SESSIONS_MAX = 100  # one page of Stripe's list: of one customer, from about the time of the order
CLOCKS_APART_S = 300
# Longer than any request to Stripe with its retries: after this, no session can still be opened.
UNBORN_AFTER = timedelta(minutes=30)

logger = logging.getLogger(__name__)


class TopupPoller:
    """Safe on any number of replicas: orders are claimed in one statement, and no lock waits for Stripe."""

    def __init__(self, settings: Settings, pool: Pool, fulfilment: Fulfilment, stripe_api: StripeApi) -> None:
        self._interval_s = settings.billing_topup_poll_interval_s
        self._pool = pool
        self._fulfilment = fulfilment
        self._stripe = stripe_api

    async def sweep_once(self) -> int:
        """Checks the orders that are due, at most BATCH. Returns how many it checked."""
        async with self._pool.connection() as connection, connection.transaction():
            claimed = await orders.claim_stale(connection, self._interval_s, BATCH)
        for order in claimed:
            await self._look(order)
        return len(claimed)

    async def _look(self, order: Order) -> None:
        try:
            session_id = order.checkout_session_id or await self._find_session(order)
            if session_id is not None:
                logger.info("order %s: %s", order.id, await self._apply(session_id))
            elif datetime.now(UTC) - order.created_at > UNBORN_AFTER:
                await self._expire(order)
        except BillingError as error:
            logger.warning("order %s could not be checked: %s", order.id, error)

    async def _apply(self, session_id: str) -> str:
        session = await self._fulfilment.retrieve(session_id)
        if session is None:
            return "Stripe does not know its session"
        async with self._pool.connection() as connection, connection.transaction():
            verdict = await self._fulfilment.apply_in(connection, session)
        return verdict.reason or verdict.outcome.value

    async def _find_session(self, order: Order) -> str | None:
        """Finds the session of an order whose process died before storing it, by our reference."""
        if order.stripe_customer_id is None:
            return None
        asked_at = int(order.created_at.timestamp())
        about_then: stripe.params.checkout.SessionListParamsCreated = {
            "gte": asked_at - CLOCKS_APART_S,
            "lte": asked_at + int(UNBORN_AFTER.total_seconds()),
        }
        with stripe_errors():
            page = await self._stripe.v1.checkout.sessions.list_async(
                {"customer": order.stripe_customer_id, "created": about_then, "limit": SESSIONS_MAX}
            )
        return next((session.id for session in page.data if session.client_reference_id == order.id), None)

    async def _expire(self, order: Order) -> None:
        async with self._pool.connection() as connection, connection.transaction():
            await orders.mark_ended(connection, order.id, OrderStatus.EXPIRED, None)
