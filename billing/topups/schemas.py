"""Requests and responses of top-ups, our orders, and the parts of Stripe's Checkout Session that we read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from billing.api.request_fields import AmountNanos, CustomerId
from billing.ledger.schemas import Payer
from billing.settings import CustomerType


class TopupRequest(BaseModel):
    """The amount to pay, and where the browser goes afterwards."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    amount_nanos: AmountNanos = Field(alias="amount")
    success_url: str | None = Field(
        None,
        max_length=2000,
        description="Default: our page about the payment. `{CHECKOUT_SESSION_ID}` is filled in.",
    )
    cancel_url: str | None = Field(None, max_length=2000)
    customer_type: CustomerType | None = Field(None, description="For admins only.")
    customer_id: CustomerId | None = Field(None, description="For admins only.")


class TopupResponse(BaseModel):
    """Redirect the customer's browser to `checkout_url`."""

    checkout_session_id: str = Field(examples=["cs_test_a1b2c3"])
    checkout_url: str = Field(examples=["https://checkout.stripe.com/c/pay/cs_test_a1b2c3"])


class OrderStatus(StrEnum):
    """created → open → paid | failed | expired; a late payment turns failed and expired into paid."""

    CREATED = "created"
    OPEN = "open"
    PAID = "paid"
    FAILED = "failed"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Order:
    """A requested top-up. `paid_nanos` is the credited amount, which may differ from the requested one."""

    id: str
    account_id: int
    payer: Payer
    stripe_customer_id: str | None
    amount_nanos: int
    currency: str
    status: OrderStatus
    checkout_session_id: str | None
    checkout_url: str | None
    payment_intent_id: str | None
    paid_nanos: int | None
    success_url: str
    cancel_url: str
    livemode: bool
    created_at: datetime


class PaymentIntent(BaseModel):
    """The parts of a PaymentIntent that we read (https://docs.stripe.com/api/payment_intents/object)."""

    id: str
    status: str


class TotalDetails(BaseModel):
    """The parts of the total that are not for the balance, in minor units."""

    amount_tax: int = 0
    amount_shipping: int | None = None


class CheckoutSession(BaseModel):
    """The parts of a Checkout Session that we read (https://docs.stripe.com/api/checkout/sessions/object)."""

    id: str
    mode: str
    status: str | None = None
    payment_status: str
    currency: str | None = None
    amount_total: int | None = None
    total_details: TotalDetails | None = None
    livemode: bool
    client_reference_id: str | None = None
    payment_intent: PaymentIntent | str | None = None  # the object if it was expanded
    url: str | None = None

    @property
    def is_paid(self) -> bool:
        """Whether the payment was received, or none was due."""
        return self.payment_status in ("paid", "no_payment_required")

    @property
    def payment_intent_id(self) -> str | None:
        """`pi_…`, if there is one."""
        intent = self.payment_intent
        return intent.id if isinstance(intent, PaymentIntent) else intent

    @property
    def has_failed(self) -> bool:
        """Whether a delayed payment failed: Checkout is complete, its PaymentIntent needs another method."""
        intent = self.payment_intent
        return (
            self.status == "complete"
            and self.payment_status == "unpaid"
            and isinstance(intent, PaymentIntent)
            and intent.status in ("requires_payment_method", "canceled")
        )

    @property
    def credited_minor(self) -> int:
        """The amount paid for the balance, in minor units: the total without tax and shipping."""
        details = self.total_details or TotalDetails()
        return (self.amount_total or 0) - details.amount_tax - (details.amount_shipping or 0)


class Outcome(StrEnum):
    """The result of processing a Checkout Session."""

    CREDITED = "credited"  # now, by this call
    ALREADY_PAID = "already_paid"  # by an earlier one
    PENDING = "pending"  # not paid yet
    FAILED = "failed"
    EXPIRED = "expired"
    PARKED = "parked"  # payment or session does not match; kept for the operator, nothing is credited


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result for one Checkout Session; `reason` is for the operator."""

    outcome: Outcome
    reason: str | None = None
    order: Order | None = None
