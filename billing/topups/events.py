"""Handles `checkout.session.*` events: each is a reason to look up the session, in any order."""

from __future__ import annotations

from pydantic import BaseModel, ValidationError

from billing.database import Connection
from billing.topups.fulfilment import Fulfilment
from billing.topups.schemas import OrderStatus, Outcome, Verdict
from billing.webhooks.schemas import Apply, Decision, EventHandler, InboxOutcome, StripeEvent, decided


class _Claim(BaseModel):
    id: str
    mode: str
    payment_status: str


class CheckoutEvents(EventHandler):
    """Handles completed, delayed (paid or failed) and expired sessions.

    The session's state comes from Stripe.
    """

    types = frozenset(
        (
            "checkout.session.completed",
            "checkout.session.async_payment_succeeded",
            "checkout.session.async_payment_failed",
            "checkout.session.expired",
        )
    )

    def __init__(self, fulfilment: Fulfilment) -> None:
        self._fulfilment = fulfilment

    async def prepare(self, event: StripeEvent) -> Apply:
        """Asks Stripe for the session, unless it is already paid. Raises StripeUnavailable."""
        try:
            claim = _Claim.model_validate(event.data.object)
        except ValidationError:
            return decided(InboxOutcome.PARKED, "the event's object is not a Checkout Session")
        if claim.mode != "payment":
            return decided(InboxOutcome.IGNORED, f"a session in mode {claim.mode} is not a top-up")
        order = await self._fulfilment.order_of(claim.id)
        if order is not None and order.status is OrderStatus.PAID:
            return decided(InboxOutcome.IGNORED, "the session was already credited")
        session = await self._fulfilment.retrieve(claim.id)
        if session is None:
            return decided(InboxOutcome.PARKED, "Stripe does not know the session")

        async def apply(connection: Connection) -> Decision:
            return _decision(claim, await self._fulfilment.apply_in(connection, session))

        return apply


def _decision(claim: _Claim, verdict: Verdict) -> Decision:
    match verdict.outcome:
        case Outcome.CREDITED | Outcome.EXPIRED | Outcome.FAILED:
            return Decision(InboxOutcome.APPLIED, verdict.outcome.value)
        case Outcome.ALREADY_PAID:
            return Decision(InboxOutcome.IGNORED, "the session was already credited")
        case Outcome.PENDING if claim.payment_status == "paid":
            return Decision(InboxOutcome.PARKED, "the event says paid, Stripe says the session is not")
        case Outcome.PENDING:
            return Decision(InboxOutcome.IGNORED, "the session is not paid yet")
    return Decision(InboxOutcome.PARKED, verdict.reason)
