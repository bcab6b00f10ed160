"""`/v1/events`"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from devkit.stripe_sandbox import deliveries
from devkit.stripe_sandbox.errors import InvalidRequest, Json
from devkit.stripe_sandbox.objects.events import Event
from devkit.stripe_sandbox.operation import Operation
from devkit.stripe_sandbox.params import Boolean, Items, ListParams, Params, Text
from devkit.stripe_sandbox.store import Condition

KEEP_S = 30 * 24 * 3600  # as Stripe: https://docs.stripe.com/api/events
TYPES_MAX = 20
_UNDELIVERED = "EXISTS (SELECT 1 FROM deliveries WHERE event_id = records.id AND status <> 'succeeded')"


class EventListParams(ListParams):
    """Filters of the list. `type` may end in `*`."""

    type: Text | None = None
    types: Annotated[Items[Text], Field(max_length=TYPES_MAX)] = Field(default_factory=list)
    delivery_success: Boolean | None = None


class RetryParams(Params):
    """What the Stripe CLI sends with `events resend`."""

    account: Text | None = None
    for_stripecli: Boolean = False
    webhook_endpoint: Text | None = None


def retrieve(operation: Operation, event_id: str) -> Event:
    """`GET /v1/events/{id}`"""
    return operation.fetch(Event, event_id)


def list_(operation: Operation, params: EventListParams) -> Json:
    """`GET /v1/events`"""
    if params.type and params.types:
        raise InvalidRequest("You may only specify one of these parameters: type, types.")
    conditions = _types([params.type] if params.type else params.types)
    if params.delivery_success is not None:
        conditions.append(Condition(f"{_UNDELIVERED} = ?", (int(not params.delivery_success),)))
    return operation.page(Event, params, "/v1/events", conditions)


def _types(patterns: list[str]) -> list[Condition]:
    if not patterns:
        return []
    tests = " OR ".join(["json_extract(body, '$.type') GLOB ?"] * len(patterns))
    return [
        Condition(
            f"({tests})", tuple(pattern.replace("[", "[[]").replace("?", "[?]") for pattern in patterns)
        )
    ]


def retry(operation: Operation, params: RetryParams, event_id: str) -> Event:
    """`POST /v1/events/{id}/retry`: what `stripe events resend` calls."""
    event = operation.fetch(Event, event_id)
    sent_to = deliveries.resend(operation.store, event, params.webhook_endpoint)
    if params.webhook_endpoint is not None and sent_to == 0:
        raise InvalidRequest(
            f"No such webhook endpoint: '{params.webhook_endpoint}'", code="resource_missing"
        )
    return event
