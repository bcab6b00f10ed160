"""Credit from the operator, over the wire."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from billing.accounts.schemas import TransactionLine
from billing.api.request_fields import AmountNanos, CustomerId, Reason, Text
from billing.settings import CustomerType


class CreditRequest(BaseModel):
    """Money for nothing, so it says for whom and why."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    customer_type: CustomerType | None = Field(None, description="Default: what STRIPE_CHARGE_BY says.")
    customer_id: CustomerId
    amount_nanos: AmountNanos = Field(alias="amount")
    reason: Reason
    idempotency_key: Text | None = Field(
        None, description="The same key with the same content is credited once; with other content: 409."
    )


class CreditResponse(TransactionLine):
    """The line that the credit wrote, and whose it is."""

    customer_type: CustomerType
    customer_id: str
