"""Events of Stripe's: what they are about, what the inbox kept of them, and some that Stripe never sent."""

from __future__ import annotations

import time
from uuid import uuid4

from tests.integration.plain_gateway import Gateway, Json

COMPLETED = "checkout.session.completed"
SUCCEEDED = "checkout.session.async_payment_succeeded"
FAILED = "checkout.session.async_payment_failed"
EXPIRED = "checkout.session.expired"
INBOX = b"""
SELECT outcome, reason, deliveries FROM billing."LiteLLM_StripeWebhookEventTable"
 WHERE event_id = %(event_id)s"""


async def kept(gateway: Gateway, event: Json) -> tuple[object, ...] | None:
    """Outcome, reason and deliveries of the event in the inbox."""
    rows = await gateway.rows(INBOX, event_id=event["id"])
    return rows[0] if rows else None


def made_up(session: Json, kind: str = COMPLETED, **more: object) -> Json:
    """An event that Stripe never sent, about a session as we like it."""
    return {
        "id": f"evt_{uuid4().hex}",
        "object": "event",
        "type": kind,
        "api_version": "2026-10-28.endive",
        "livemode": False,
        "created": int(time.time()),
        "data": {"object": session},
        **more,  # type: ignore[dict-item]  # JSON all the same
    }


def about(event: Json) -> Json:
    """The object that the event is about."""
    data = event["data"]
    assert isinstance(data, dict)
    assert isinstance(data["object"], dict)
    return data["object"]
