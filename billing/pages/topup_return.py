"""The text of the page after Checkout. It shows the payment of its link and nothing else of the account."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from billing.errors import NotFound, Unavailable
from billing.money import format_nanos
from billing.topups.fulfilment import Fulfilment
from billing.topups.schemas import Outcome, Verdict

LOOKS_MAX = 6  # automatic reloads, at growing intervals; then the reader decides
_SESSION_ID = re.compile(r"cs_[A-Za-z0-9_]{1,250}", re.ASCII)


class Tone(StrEnum):
    """The page's color scheme."""

    GOOD = "good"
    WAITING = "waiting"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Notice:
    """The page's text. `reload_s` is None if the status will not change by itself."""

    tone: Tone
    title: str
    text: str
    amount: str | None = None
    reload_s: int | None = None
    status: int = 200


CANCELED = Notice(
    Tone.BAD,
    "Not paid",
    "You left the payment page. Nothing was charged and nothing was added to the balance.",
)
UNKNOWN = Notice(
    Tone.BAD,
    "Unknown payment",
    "This link belongs to no payment known here. If you just paid, check again in a minute: "
    "payments are also found without this page.",
    status=404,
)


async def notice_for(fulfilment: Fulfilment, session_id: str, looks: int) -> Notice:
    """Looks up the session, credits it if it is paid and not yet credited, and describes the result.

    Stripe is only asked about sessions of our own orders.
    """
    if not _SESSION_ID.fullmatch(session_id) or await fulfilment.order_of(session_id) is None:
        return UNKNOWN
    try:
        return _notice(await fulfilment.fulfil(session_id), looks)
    except (Unavailable, NotFound):
        return Notice(
            Tone.WAITING,
            "One moment, please",
            "The payment service is not responding right now. If you have paid, your payment is not lost: "
            "it is added to your balance as soon as the service responds.",
            reload_s=_reload_s(looks),
        )


def _notice(verdict: Verdict, looks: int) -> Notice:
    order = verdict.order
    paid_nanos = order.paid_nanos if order is not None else None
    match verdict.outcome:
        case Outcome.CREDITED | Outcome.ALREADY_PAID if order is not None and paid_nanos is not None:
            amount = f"{format_nanos(paid_nanos)} {order.currency.upper()}"
            return Notice(Tone.GOOD, "Paid", "Thank you. This was added to your balance:", amount)
        case Outcome.FAILED:
            return Notice(Tone.BAD, "Payment failed", "The payment did not go through. Nothing was added.")
        case Outcome.EXPIRED:
            return Notice(Tone.BAD, "Expired", "The payment page expired unpaid. Start a new top-up.")
        case Outcome.PARKED:
            return Notice(
                Tone.BAD,
                "This payment needs attention",
                f"It could not be matched automatically. Tell the operator this reference: "
                f"{order.id if order is not None else 'none'}",
            )
    return Notice(
        Tone.WAITING,
        "Payment in progress",
        "It is not confirmed yet. Some payment methods take days; the balance grows when the money arrives, "
        "and you can close this page.",
        reload_s=_reload_s(looks),
    )


def _reload_s(looks: int) -> int | None:
    return int(2 ** (looks + 1)) if looks < LOOKS_MAX else None
