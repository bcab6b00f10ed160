"""Checkout Sessions as a shop makes them."""

from __future__ import annotations

import httpx
import stripe
from stripe.checkout import Session
from stripe.params.checkout import SessionCreateParams


def session_params(**changes: object) -> SessionCreateParams:
    """10.00 USD of credit."""
    params: SessionCreateParams = {
        "mode": "payment",
        "success_url": "http://shop.test/ok?session={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://shop.test/cancelled",
        "client_reference_id": "order-1",
        "metadata": {"order": "1"},
        "payment_intent_data": {"metadata": {"order": "1"}, "description": "Credit"},
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": "usd",
                    "unit_amount": 1000,
                    "product_data": {"name": "Credit"},
                },
            }
        ],
    }
    return {**params, **changes}  # type: ignore[typeddict-item]  # tests also send what the types forbid


async def create_session(sdk: stripe.StripeClient, **changes: object) -> Session:
    return await sdk.v1.checkout.sessions.create_async(session_params(**changes))


async def pay(http: httpx.AsyncClient, session: Session, **body: str) -> httpx.Response:
    """Pays from a script, by default with the card that works."""
    path = f"/sandbox/checkout/sessions/{session.id}/pay"
    return await http.post(path, json=body or {"card": "4242424242424242"})
