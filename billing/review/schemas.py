"""Requests and responses of `/stripe/review`."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from billing.api.paging import NextCursor
from billing.api.request_fields import Reason
from billing.settings import CustomerType


class CallToPrice(BaseModel):
    """A call that was charged an estimate because its cost is unknown."""

    call_id: str
    customer_type: CustomerType
    customer_id: str
    charged: str = Field(description="Its hold, or our own count of its stream.", examples=["0.0123"])
    description: str
    created_at: datetime
    detail: dict[str, JsonValue]


class CallsToPrice(BaseModel):
    """A page of calls, newest first."""

    data: list[CallToPrice]
    next_cursor: NextCursor


class CallPriceRequest(BaseModel):
    """The provider's cost of a call."""

    model_config = ConfigDict(extra="forbid")

    cost: str = Field(description="Major units, before the price rule, as a decimal string.", max_length=40)
    reason: Reason


class PricedCall(BaseModel):
    """The state of the call."""

    call_id: str
    charged: str = Field(description="By the price rule of its admission.")
    changed: bool = Field(description="False: this price was already booked.")
    available: str = Field(description="What the customer can use for new calls.")
