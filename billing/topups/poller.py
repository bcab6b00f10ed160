"""Finds payments whose event never came: asks Stripe about orders that nothing was heard of for a while."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from billing.database import Pool
from billing.errors import BillingError
from billing.settings import Settings
from billing.stripe_api import StripeApi, stripe_errors
from billing.topups import orders
from billing.topups.fulfilment import Fulfilment
from billing.topups.schemas import Order, OrderStatus

BATCH = 50
SESSIONS_MAX = 300  # of one customer, looked through for an order's session
# Longer than any request to Stripe with its retries lasts: by then no session can still be opened.
UNBORN_AFTER = timedelta(minutes=30)

logger = logging.getLogger(__name__)


class TopupPoller:
    """Safe on any number of replicas: an order is claimed in one statement, and no lock waits for Stripe."""

    def __init__(self, settings: Settings, pool: Pool, fulfilment: Fulfilment, stripe_api: StripeApi) -> None:
        self._interval_s = settings.billing_topup_poll_interval_s
        self._pool = pool
        self._fulfilment = fulfilment
        self._stripe = stripe_api

    async def sweep_once(self) -> int:
        """Looks at the orders that are due, at most BATCH. Returns how many it looked at."""
        async with self._pool.connection() as connection, connection.transaction():
            order_ids = await orders.claim_stale(connection, self._interval_s, BATCH)
        for order_id in order_ids:
            await self._look(order_id)
        return len(order_ids)

    async def _look(self, order_id: str) -> None:
        try:
            async with self._pool.connection() as connection:
                order = await orders.by_id(connection, order_id)
            if order is None:
                return
            session_id = order.checkout_session_id or await self._find_session(order)
            if session_id is not None:
                verdict = await self._apply(session_id)
                logger.info("order %s: %s", order_id, verdict)
            elif datetime.now(UTC) - order.created_at > UNBORN_AFTER:
                await self._expire(order)
        except BillingError as error:
            logger.warning("order %s could not be looked at: %s", order_id, error)

    async def _apply(self, session_id: str) -> str:
        session = await self._fulfilment.retrieve(session_id)
        if session is None:
            return "Stripe does not know its session"
        async with self._pool.connection() as connection, connection.transaction():
            verdict = await self._fulfilment.apply_in(connection, session)
        return verdict.reason or verdict.outcome.value

    async def _find_session(self, order: Order) -> str | None:
        """The session of an order whose process died before it could note it: found by our reference."""
        if order.stripe_customer_id is None:
            return None
        with stripe_errors():
            page = await self._stripe.v1.checkout.sessions.list_async(
                {"customer": order.stripe_customer_id, "limit": 100}
            )
            seen = 0
            async for session in page.auto_paging_iter():
                seen += 1
                if session.client_reference_id == order.id:
                    return session.id
                if seen >= SESSIONS_MAX:
                    break
        return None

    async def _expire(self, order: Order) -> None:
        async with self._pool.connection() as connection, connection.transaction():
            await orders.mark_ended(connection, order.id, OrderStatus.EXPIRED, None)
