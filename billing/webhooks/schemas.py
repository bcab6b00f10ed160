"""Stripe events as the inbox stores them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from pydantic import BaseModel, Field, JsonValue

from billing.database import Connection


class InboxOutcome(StrEnum):
    """The outcome of an event. A parked one is retried by the gateway, and when it is delivered again."""

    APPLIED = "applied"
    IGNORED = "ignored"
    PARKED = "parked"
    REFUSED = "refused"


class EventData(BaseModel):
    """The object of the event, as of its creation."""

    object: dict[str, JsonValue]


class StripeEvent(BaseModel):
    """The parts of an event that we read (https://docs.stripe.com/api/events/object)."""

    id: str = Field(pattern=r"^evt_[A-Za-z0-9_]{1,250}$")
    type: str = Field(min_length=1, max_length=200, pattern=r"^[a-z0-9_.]+$")
    api_version: str | None = Field(None, max_length=100)
    livemode: bool
    account: str | None = Field(None, max_length=255)
    created: int = Field(ge=0, le=253_402_300_799)  # Unix seconds, to the year 9999
    data: EventData

    @property
    def object_id(self) -> str | None:
        """The id of the object; some objects have none."""
        value = self.data.object.get("id")
        return value if isinstance(value, str) else None


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome of an event, and the reason if nothing was done."""

    outcome: InboxOutcome
    reason: str | None = None


# Applies an event in the inbox's transaction.
Apply = Callable[[Connection], Awaitable[Decision]]


class EventHandler(Protocol):
    """Handles one family of events."""

    @property
    def types(self) -> frozenset[str]:
        """The event types it handles."""

    async def prepare(self, event: StripeEvent) -> Apply:
        """Loads what it needs, including from Stripe; no transaction is open. Writes nothing."""


def decided(outcome: InboxOutcome, reason: str | None = None) -> Apply:
    """Returns an Apply that only stores this decision."""

    async def apply(_connection: Connection) -> Decision:
        return Decision(outcome, reason)

    return apply


@dataclass(frozen=True, slots=True)
class ParkedCount:
    """How many parked events are still retried, the age of the oldest, and how many are left to a person."""

    retried: int
    oldest_age_s: float
    ended: int


@dataclass(frozen=True, slots=True)
class ParkedEvent:
    """A parked event as an operator sees it. `tries` are the gateway's own."""

    event_id: str
    type: str
    object_id: str | None
    reason: str | None
    received_at: datetime
    tries: int


class WebhookReceipt(BaseModel):
    """The response to Stripe.

    Any 2xx means that the event is stored; the fields are for Stripe's delivery log.
    """

    received: bool = True
    event_id: str = Field(examples=["evt_1P2Q3R"])
    outcome: InboxOutcome
    duplicate: bool = Field(description="The event was already received.")
