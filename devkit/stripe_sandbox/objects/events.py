"""Events, and the webhook endpoints they go to."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from devkit.stripe_sandbox.errors import Json
from devkit.stripe_sandbox.objects.base import Nested, StripeObject


class EventData(Nested):
    """The object at that time; for updates also its previous values."""

    object: Json
    previous_attributes: Json | None = None


class EventRequest(Nested):
    """The API call that caused the event; both None if there was none."""

    id: str | None
    idempotency_key: str | None


class Event(StripeObject):
    """An event. `pending_webhooks` is counted when it is sent."""

    kind = "event"
    title = "event"

    object: Literal["event"] = "event"
    api_version: str
    data: EventData
    pending_webhooks: int = 0
    request: EventRequest
    type: str

    def wire(self) -> Json:
        """Omits `previous_attributes` if nothing changed."""
        body = self.model_dump(mode="json")
        if self.data.previous_attributes is None:
            body["data"] = {"object": self.data.object}
        return body


class WebhookEndpoint(StripeObject):
    """A webhook endpoint. The secret is only shown by the call that created it."""

    kind = "webhook_endpoint"
    title = "webhook endpoint"

    object: Literal["webhook_endpoint"] = "webhook_endpoint"
    api_version: str | None = None
    application: None = None
    description: str | None = None
    enabled_events: list[str]
    metadata: dict[str, str] = Field(default_factory=dict)
    secrets: list[str]
    status: Literal["enabled", "disabled"] = "enabled"
    url: str

    def wire(self) -> Json:
        """Omits the secrets."""
        return self.model_dump(mode="json", exclude={"secrets"})

    def wants(self, event_type: str) -> bool:
        """Whether this endpoint receives events of this type."""
        return self.status == "enabled" and not {"*", event_type}.isdisjoint(self.enabled_events)
