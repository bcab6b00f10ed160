"""Reads payments and refunds from Stripe, page by page, within its rate limits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from math import ceil, floor
from typing import TypeVar

import stripe
from pydantic import ValidationError

from billing.errors import StripeUnavailable
from billing.reconcile.schemas import Window
from billing.stripe_api import StripeApi, is_missing, stripe_errors
from billing.topups.schemas import CheckoutSession

PAGE = 100  # Stripe's maximum (https://docs.stripe.com/api/pagination)
PAGES_MAX = 1000
RATE_LIMIT_TRIES = 6
RATE_LIMIT_PAUSE_S = 1.0  # doubled each time (https://docs.stripe.com/rate-limits)
PAID_EVENTS = ["checkout.session.completed", "checkout.session.async_payment_succeeded"]
RETURN_EVENTS = ["charge.refunded", "charge.dispute.funds_withdrawn", "charge.dispute.funds_reinstated"]

AnswerT = TypeVar("AnswerT")
ItemT = TypeVar("ItemT", bound=stripe.StripeObject)
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Payment:
    """A paid Checkout Session.

    `noticed_at` is when Stripe's event was created, in seconds; 0 if only listed.
    """

    session: CheckoutSession
    noticed_at: int


@dataclass(frozen=True, slots=True)
class Intent:
    """The parts of a PaymentIntent that a credit depends on. Amounts in minor units."""

    id: str
    status: str
    amount_received: int
    currency: str


@dataclass(slots=True)
class Returned:
    """The part of a payment that was returned. Amounts in minor units."""

    payment_intent_id: str
    currency: str
    refunded_minor: int = 0
    disputed_minor: int = 0


class StripePayments:
    """Reads from Stripe through the SDK. All methods raise StripeUnavailable."""

    def __init__(self, api: StripeApi, page: int = PAGE) -> None:
        self._api = api
        self._page = page

    async def paid_sessions(self, window: Window) -> dict[str, Payment]:
        """Returns the paid top-up sessions that were opened in the window or have a payment event in it.

        Events cover payments that arrive days after the session; the list covers events older than the 30
        days that Stripe keeps.
        """
        found: dict[str, Payment] = {}
        async for session in self._pages(self._session_page, window):
            self._take(found, session, 0)
        async for event in self._pages(self._event_page(PAID_EVENTS), window):
            self._take(found, event["data"]["object"], event["created"])
        return found

    def _take(self, found: dict[str, Payment], session: stripe.StripeObject, noticed_at: int) -> None:
        try:
            parsed = CheckoutSession.model_validate(session.to_dict())
        except ValidationError as error:
            logger.warning("cannot read a Checkout Session from Stripe: %s", error)
            return
        if parsed.mode == "payment" and parsed.is_paid:
            found[parsed.id] = Payment(parsed, noticed_at)

    async def returned(self, window: Window) -> dict[str, Returned]:
        """Returns payments with refunds or disputes in the window, by PaymentIntent.

        Stripe lists the newest event first, and a charge includes all its refunds: the first event about a
        charge or dispute has its current state.
        """
        found: dict[str, Returned] = {}
        disputes: set[str] = set()
        async for event in self._pages(self._event_page(RETURN_EVENTS), window):
            thing = event["data"]["object"].to_dict()
            payment = thing.get("payment_intent")
            if not isinstance(payment, str):
                continue
            returned = found.setdefault(payment, Returned(payment, str(thing["currency"])))
            if event["type"] == "charge.refunded":
                returned.refunded_minor = max(returned.refunded_minor, int(thing["amount_refunded"]))
            elif thing["id"] not in disputes:
                disputes.add(thing["id"])
                is_gone = event["type"] == "charge.dispute.funds_withdrawn"
                returned.disputed_minor += int(thing["amount"]) if is_gone else 0
        return found

    async def session(self, session_id: str) -> CheckoutSession | None:
        """Returns one session; None if Stripe does not know it."""
        found = await self._one(lambda: self._api.v1.checkout.sessions.retrieve_async(session_id))
        return CheckoutSession.model_validate(found.to_dict()) if found is not None else None

    async def intent(self, intent_id: str) -> Intent | None:
        """Returns one PaymentIntent; None if Stripe does not know it."""
        found = await self._one(lambda: self._api.v1.payment_intents.retrieve_async(intent_id))
        if found is None:
            return None
        return Intent(found.id, str(found.status), int(found.amount_received or 0), str(found.currency))

    async def _one(self, ask: Callable[[], Awaitable[AnswerT]]) -> AnswerT | None:
        with stripe_errors():
            try:
                return await at_its_pace(ask)
            except stripe.InvalidRequestError as error:
                if is_missing(error):
                    return None
                raise

    async def _session_page(
        self, window: Window, after: str | None
    ) -> stripe.ListObject[stripe.checkout.Session]:
        params: stripe.params.checkout.SessionListParams = {
            "limit": self._page,
            "created": _created(window),
        }
        if after is not None:
            params["starting_after"] = after
        return await self._api.v1.checkout.sessions.list_async(params)

    def _event_page(
        self, types: list[str]
    ) -> Callable[[Window, str | None], Awaitable[stripe.ListObject[stripe.Event]]]:
        async def page(window: Window, after: str | None) -> stripe.ListObject[stripe.Event]:
            params: stripe.params.EventListParams = {
                "limit": self._page,
                "created": _created(window),
                "types": types,
            }
            if after is not None:
                params["starting_after"] = after
            return await self._api.v1.events.list_async(params)

        return page

    async def _pages(
        self, ask: Callable[[Window, str | None], Awaitable[stripe.ListObject[ItemT]]], window: Window
    ) -> AsyncIterator[ItemT]:
        after: str | None = None
        for _ in range(PAGES_MAX):
            with stripe_errors():
                page = await at_its_pace(lambda after=after: ask(window, after))  # type: ignore[misc]  # bound now
            for item in page.data:
                yield item
            if not page.has_more or not page.data:
                return
            after = str(page.data[-1].id)  # type: ignore[attr-defined]  # everything that Stripe lists has an id
        raise StripeUnavailable(
            f"Stripe has more than {PAGES_MAX * self._page} objects in this period: choose a shorter one."
        )


def _created(window: Window) -> stripe.params.EventListParamsCreated:
    """Converts a window to Stripe's whole seconds, including the one in which it ends."""
    return {"gte": floor(window.since.timestamp()), "lt": ceil(window.until.timestamp())}


async def at_its_pace(ask: Callable[[], Awaitable[AnswerT]]) -> AnswerT:
    """Asks Stripe, and retries with growing pauses while it reports too many requests."""
    for attempt in range(RATE_LIMIT_TRIES - 1):
        try:
            return await ask()
        except stripe.RateLimitError:
            await asyncio.sleep(RATE_LIMIT_PAUSE_S * 2**attempt)
    return await ask()
