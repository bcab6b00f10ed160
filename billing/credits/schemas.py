"""Request and response of granting credit."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from billing.accounts.schemas import TransactionLine
from billing.api.request_fields import AmountNanos, CustomerId, Reason, Text
from billing.settings import CustomerType


class CreditRequest(BaseModel):
    """Credit without a payment; the reason is mandatory."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    customer_type: CustomerType | None = Field(None, description="Default: what STRIPE_CHARGE_BY says.")
    customer_id: CustomerId
    amount_nanos: AmountNanos = Field(alias="amount")
    reason: Reason
    idempotency_key: Text | None = Field(
        None, description="Repeats with the same content are credited once; different content: 409."
    )


class CreditResponse(TransactionLine):
    """The transaction of the credit, and the customer it belongs to."""

    customer_type: CustomerType
    customer_id: str
