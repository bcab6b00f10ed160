"""`POST /stripe/webhook`: receives Stripe's events."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header
from starlette.requests import Request

from billing.api.http import WebhookRoute, errors
from billing.api.services import service_of
from billing.webhooks.schemas import WebhookReceipt
from billing.webhooks.service import Webhooks

router = APIRouter(route_class=WebhookRoute, tags=["billing"])
_EVENT_BODY = {
    "requestBody": {
        "required": True,
        "description": "A Stripe event, byte for byte as signed by Stripe.",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}


@router.post(
    "/stripe/webhook",
    summary="Stripe's events",
    responses=errors(400, 413, 503),
    openapi_extra=_EVENT_BODY,
)
async def receive_event(
    request: Request,
    webhooks: Annotated[Webhooks, Depends(service_of(Webhooks))],
    stripe_signature: Annotated[str | None, Header(description="Stripe's signature of the body.")] = None,
) -> WebhookReceipt:
    """Receives a signed event. A 2xx means that it is stored and applied; otherwise Stripe sends it again."""
    return await webhooks.receive(await request.body(), stripe_signature)
