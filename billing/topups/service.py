"""Starts a top-up: creates our order, Stripe's Customer and Checkout Session, each step repeatable."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

import stripe

from billing.database import Pool
from billing.errors import StripeUnavailable, TooManyOpenTopups
from billing.ledger.schemas import Payer
from billing.ledger.service import Ledger
from billing.money import format_nanos, minor_from_nanos
from billing.settings import Settings
from billing.stripe_api import StripeApi, is_missing, stripe_errors
from billing.topups import orders, return_urls
from billing.topups.amounts import topup_minor
from billing.topups.customers import ensure_customer
from billing.topups.schemas import Order


@dataclass(frozen=True, slots=True)
class OpenTopup:
    """An order whose Checkout Session is waiting to be paid at `checkout_url`."""

    order_id: str
    checkout_session_id: str
    checkout_url: str


class Topups:
    """Opens Checkout Sessions. No database transaction is open during requests to Stripe."""

    def __init__(self, settings: Settings, pool: Pool, ledger: Ledger, stripe_api: StripeApi) -> None:
        self._settings = settings
        self._pool = pool
        self._ledger = ledger
        self._stripe = stripe_api

    async def start(
        self, payer: Payer, amount_nanos: int, success_url: str | None = None, cancel_url: str | None = None
    ) -> OpenTopup:
        """Opens a top-up of `amount_nanos` for `payer`.

        Raises InvalidAmount, BadRequest (return URL not allowed), TooManyOpenTopups, NotConfigured and
        StripeUnavailable. Nothing is credited before Stripe confirms the payment.
        """
        topup_minor(self._settings, amount_nanos)
        success = return_urls.success_url(self._settings, success_url)
        cancel = return_urls.cancel_url(self._settings, cancel_url)
        self._stripe.require()
        order = await self._write_order(payer, amount_nanos, success, cancel)
        return await self.open_session(order)

    async def open_session(self, order: Order) -> OpenTopup:
        """Opens the order's Checkout Session; a repeat after a crash returns the same session.

        Raises StripeUnavailable.
        """
        customer_id = order.stripe_customer_id or await ensure_customer(
            self._stripe, self._pool, order.payer, order.account_id
        )
        session = await self._create_session(order, customer_id)
        if session.url is None:
            raise StripeUnavailable("Stripe did not open a payment page. Try again.")
        async with self._pool.connection() as connection, connection.transaction():
            await orders.record_session(connection, order.id, session.id, session.url)
        return OpenTopup(order.id, session.id, session.url)

    async def _write_order(self, payer: Payer, amount_nanos: int, success: str, cancel: str) -> Order:
        open_max = self._settings.billing_topups_open_max
        async with self._pool.connection() as connection, connection.transaction():
            account_id = await self._ledger.ensure_account_in(
                connection, payer, self._settings.billing_currency
            )
            new = orders.NewOrder(
                id=f"ord_{uuid4().hex}",
                account_id=account_id,
                amount=amount_nanos,
                currency=self._settings.billing_currency,
                success_url=success,
                cancel_url=cancel,
                livemode=self._settings.livemode,
            )
            if not await orders.insert(connection, new, open_max):
                raise TooManyOpenTopups(
                    f"There are already {open_max} unpaid top-ups: pay one, or wait until they expire."
                )
            order = await orders.by_id(connection, new.id)
        assert order is not None  # written in this same transaction
        return order

    async def _create_session(self, order: Order, customer_id: str) -> stripe.checkout.Session:
        with stripe_errors():
            try:
                return await self._send_session(order, customer_id, order.id)
            except stripe.InvalidRequestError as error:
                if not (is_missing(error) and error.param == "customer"):
                    raise
        # Deleted at Stripe, or from another Stripe account: the order continues with a new Customer.
        fresh = await ensure_customer(
            self._stripe, self._pool, order.payer, order.account_id, previous=customer_id
        )
        with stripe_errors():
            return await self._send_session(order, fresh, f"{order.id}-{fresh}")

    async def _send_session(self, order: Order, customer_id: str, key: str) -> stripe.checkout.Session:
        return await self._stripe.v1.checkout.sessions.create_async(
            _session_params(order, customer_id), {"idempotency_key": key}
        )


def _session_params(order: Order, customer_id: str) -> stripe.params.checkout.SessionCreateParams:
    """Derives all parameters from the order, so that a repeat with the same idempotency key is identical.

    No payment_method_types: the operator chooses them in Stripe's dashboard
    (https://docs.stripe.com/payments/payment-methods/dynamic-payment-methods).
    """
    reference = {"billing_order_id": order.id}
    name = f"Top-up of {format_nanos(order.amount_nanos)} {order.currency.upper()}"
    return {
        "mode": "payment",
        "customer": customer_id,
        "client_reference_id": order.id,
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": order.currency,
                    "unit_amount": minor_from_nanos(order.amount_nanos, order.currency),
                    "product_data": {"name": name},
                },
            }
        ],
        "success_url": order.success_url,
        "cancel_url": order.cancel_url,
        "metadata": reference,
        "payment_intent_data": {"metadata": reference, "description": name},
    }
