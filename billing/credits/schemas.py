"""Credit from the operator, over the wire."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from billing.accounts.schemas import TransactionLine
from billing.request_fields import PLAIN_TEXT, AmountNanos, CustomerId
from billing.settings import CustomerType


class CreditRequest(BaseModel):
    """Money for nothing, so it says for whom and why."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    customer_type: CustomerType | None = Field(None, description="Default: what STRIPE_CHARGE_BY says.")
    customer_id: CustomerId
    amount_nanos: AmountNanos = Field(alias="amount")
    reason: Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=PLAIN_TEXT)]
    idempotency_key: Annotated[
        str | None, StringConstraints(min_length=1, max_length=255, pattern=PLAIN_TEXT)
    ] = Field(
        None, description="The same key with the same content is credited once; with other content: 409."
    )


class CreditResponse(TransactionLine):
    """The line that the credit wrote, and whose it is."""

    customer_type: CustomerType
    customer_id: str
