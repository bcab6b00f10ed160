"""`/stripe/review` over the wire."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from billing.api.paging import NextCursor
from billing.api.request_fields import Reason
from billing.settings import CustomerType


class CallToPrice(BaseModel):
    """A call that was charged an estimate, for nobody knows what it cost."""

    call_id: str
    customer_type: CustomerType
    customer_id: str
    charged: str = Field(description="Its hold, or our own count of its stream.", examples=["0.0123"])
    description: str
    created_at: datetime
    detail: dict[str, JsonValue]


class CallsToPrice(BaseModel):
    """Newest first."""

    data: list[CallToPrice]
    next_cursor: NextCursor


class CallPriceRequest(BaseModel):
    """What the provider asked for a call."""

    model_config = ConfigDict(extra="forbid")

    cost: str = Field(description="Major units, before the price rule, as a decimal string.", max_length=40)
    reason: Reason


class PricedCall(BaseModel):
    """How the call stands."""

    call_id: str
    charged: str = Field(description="By the rule of its admission.")
    changed: bool = Field(description="False: this price was in the books already.")
    available: str = Field(description="What the customer has for new calls.")
