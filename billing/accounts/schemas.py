"""Balances and transactions as JSON. Money is a decimal string in the major unit."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field, JsonValue

from billing.api.paging import NextCursor
from billing.ledger.schemas import Account, Transaction, TransactionKind
from billing.money import format_nanos
from billing.settings import CustomerType

_MONEY = "Decimal string in the major unit."


class AutoTopup(BaseModel):
    """Whether the card on file is charged when the balance runs low."""

    enabled: bool
    amount: str | None = Field(description=_MONEY)
    threshold: str | None = Field(description=_MONEY)


class Balance(BaseModel):
    """A customer's balance. `available` is `balance - held`; it can be negative after a refund."""

    customer_type: CustomerType
    customer_id: str
    stripe_customer_id: str | None
    currency: str = Field(examples=["usd"])
    balance: str = Field(description=_MONEY, examples=["9.998765432"])
    held: str = Field(description="Reserved for running calls.", examples=["0.05"])
    available: str = Field(description="What new calls can use.", examples=["9.948765432"])
    total_topups: str = Field(description=_MONEY, examples=["10.00"])
    total_spent: str = Field(description=_MONEY, examples=["0.001234568"])
    low_balance_threshold: str | None = Field(description=_MONEY)
    auto_topup: AutoTopup

    @staticmethod
    def of(account: Account) -> Balance:
        """Builds the JSON model of an account."""
        return Balance(
            customer_type=account.payer.customer_type,
            customer_id=account.payer.customer_id,
            stripe_customer_id=account.stripe_customer_id,
            currency=account.currency,
            balance=format_nanos(account.balance_nanos),
            held=format_nanos(account.held_nanos),
            available=format_nanos(account.available_nanos),
            total_topups=format_nanos(account.total_topups_nanos),
            total_spent=format_nanos(account.total_spent_nanos),
            low_balance_threshold=_money(account.low_balance_threshold_nanos),
            auto_topup=AutoTopup(
                enabled=account.auto_topup_enabled,
                amount=_money(account.auto_topup_amount_nanos),
                threshold=_money(account.auto_topup_threshold_nanos),
            ),
        )


class BalancePage(BaseModel):
    """A page of customers, oldest account first."""

    data: list[Balance]
    next_cursor: NextCursor


class TransactionLine(BaseModel):
    """One transaction on a customer's account."""

    id: str
    type: TransactionKind
    amount: str = Field(description="Signed: the change of the balance.", examples=["-0.000123"])
    balance_after: str = Field(examples=["9.999877"])
    created_at: datetime
    description: str
    detail: dict[str, JsonValue] = Field(
        description="What it was for. A charge has model, tokens, unit prices, provider cost, rule, call id."
    )

    @staticmethod
    def of(transaction: Transaction) -> TransactionLine:
        """Builds the JSON model of a transaction."""
        return TransactionLine(
            id=str(transaction.id),
            type=transaction.kind,
            amount=format_nanos(transaction.amount_nanos),
            balance_after=format_nanos(transaction.balance_after_nanos),
            created_at=transaction.created_at,
            description=transaction.description,
            detail=_detail(transaction),
        )


class TransactionPage(BaseModel):
    """A page of transactions, newest first."""

    data: list[TransactionLine]
    next_cursor: NextCursor


def _detail(transaction: Transaction) -> dict[str, JsonValue]:
    call_id = transaction.hold_key
    return {**transaction.detail, **({"call_id": call_id} if call_id is not None else {})}


def _money(amount_nanos: int | None) -> str | None:
    return None if amount_nanos is None else format_nanos(amount_nanos)
