"""Credits paid Checkout Sessions exactly once, for webhook, return page and poller.

The session is always retrieved from Stripe; neither an event's content nor metadata decides about money
(https://docs.stripe.com/checkout/fulfillment).
"""

from __future__ import annotations

import logging

import stripe

from billing.database import Connection, Pool
from billing.ledger.schemas import Entry, TransactionKind
from billing.ledger.service import Ledger
from billing.money import NANOS_MAX, format_nanos, nanos_from_minor
from billing.settings import Settings
from billing.stripe_api import StripeApi, is_missing, stripe_errors
from billing.topups import orders
from billing.topups.schemas import CheckoutSession, Order, OrderStatus, Outcome, Verdict

logger = logging.getLogger(__name__)


class Fulfilment:
    """Credits paid Checkout Sessions, each exactly once."""

    def __init__(self, settings: Settings, pool: Pool, ledger: Ledger, stripe_api: StripeApi) -> None:
        self._settings = settings
        self._pool = pool
        self._ledger = ledger
        self._stripe = stripe_api

    async def fulfil(self, session_id: str) -> Verdict:
        """Retrieves the session from Stripe and applies its state.

        Raises StripeUnavailable, NotConfigured.
        """
        order = await self.order_of(session_id)
        if order is not None and order.status is OrderStatus.PAID:
            return Verdict(Outcome.ALREADY_PAID, order=order)
        session = await self.retrieve(session_id)
        if session is None:
            return Verdict(Outcome.PARKED, "Stripe does not know the session", order)
        async with self._pool.connection() as connection, connection.transaction():
            return await self.apply_in(connection, session)

    async def order_of(self, session_id: str) -> Order | None:
        """Returns our order of a Checkout Session, if we know it."""
        async with self._pool.connection() as connection:
            return await orders.by_session(connection, session_id)

    async def retrieve(self, session_id: str) -> CheckoutSession | None:
        """Retrieves the session from Stripe; None if Stripe does not know it. Raises StripeUnavailable."""
        with stripe_errors():
            try:
                session = await self._stripe.v1.checkout.sessions.retrieve_async(
                    session_id, {"expand": ["payment_intent"]}
                )
            except stripe.InvalidRequestError as error:
                if is_missing(error):
                    return None
                raise
        return CheckoutSession.model_validate(session.to_dict())

    async def apply_in(self, connection: Connection, session: CheckoutSession) -> Verdict:
        """Applies a session *retrieved from Stripe* in the caller's transaction, exactly once.

        The order is locked first, so a concurrent second call finds it paid. A late payment of a failed or
        expired order is credited like any other.
        """
        order = await orders.lock_for(connection, session)
        mismatch = self._mismatch(session, order)
        if order is None or mismatch is not None:
            logger.warning("checkout session %s is parked: %s", session.id, mismatch)
            return Verdict(Outcome.PARKED, mismatch, order)
        if order.status is OrderStatus.PAID:
            return Verdict(Outcome.ALREADY_PAID, order=order)
        if session.is_paid:
            return await self._credit_in(connection, order, session)
        return await _follow_in(connection, order, session)

    def _mismatch(self, session: CheckoutSession, order: Order | None) -> str | None:
        """Returns why the session must not be credited, or None."""
        if session.mode != "payment":
            return f"the session is in mode {session.mode}"
        if order is None:
            return "no order of ours asked for the session"
        if order.checkout_session_id not in (None, session.id):
            return f"order {order.id} belongs to session {order.checkout_session_id}"
        if session.livemode != self._settings.livemode or session.livemode != order.livemode:
            return f"the session has livemode={session.livemode}, which is not the mode of our key and order"
        if session.currency != self._settings.billing_currency:
            return f"the session is in {session.currency}, the ledger in {self._settings.billing_currency}"
        return None

    async def _credit_in(self, connection: Connection, order: Order, session: CheckoutSession) -> Verdict:
        paid_nanos = nanos_from_minor(session.credited_minor, self._settings.billing_currency)
        if not 0 <= paid_nanos <= NANOS_MAX:
            return Verdict(Outcome.PARKED, f"{session.credited_minor} minor units are no payment", order)
        if paid_nanos:
            await self._ledger.post_in(connection, _entry(order, session, paid_nanos))
        await orders.mark_paid(connection, order.id, session, paid_nanos)
        return Verdict(Outcome.CREDITED, order=await orders.by_id(connection, order.id))


def _entry(order: Order, session: CheckoutSession, paid_nanos: int) -> Entry:
    return Entry(
        payer=order.payer,
        kind=TransactionKind.TOPUP,
        amount_nanos=paid_nanos,
        source_key=f"topup:{session.id}",
        description=f"Top-up of {format_nanos(paid_nanos)} {order.currency.upper()}",
        stripe_object_id=session.payment_intent_id or session.id,
        detail={
            "checkout_session_id": session.id,
            "payment_intent_id": session.payment_intent_id,
            "order_id": order.id,
            "amount_total_minor": session.amount_total,
            "credited_minor": session.credited_minor,
        },
    )


async def _follow_in(connection: Connection, order: Order, session: CheckoutSession) -> Verdict:
    """Updates the order of a session that is not paid."""
    if session.status == "expired":
        await orders.mark_ended(connection, order.id, OrderStatus.EXPIRED, session.id)
        return Verdict(Outcome.EXPIRED, order=order)
    if session.has_failed:
        await orders.mark_ended(connection, order.id, OrderStatus.FAILED, session.id)
        return Verdict(Outcome.FAILED, order=order)
    await orders.record_session(connection, order.id, session.id, session.url)
    return Verdict(Outcome.PENDING, "not paid yet", order)
