"""Grants credit by hand."""

from __future__ import annotations

from uuid import uuid4

from billing.errors import InvalidAmount
from billing.ledger.schemas import Entry, Payer, Transaction, TransactionKind
from billing.ledger.service import Ledger
from billing.money import NANOS_PER_UNIT, format_nanos

CREDIT_NANOS_MAX = 1_000_000 * NANOS_PER_UNIT  # anything larger is assumed to be a typo


class Credits:
    """Posts operator credits to the ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def give(
        self, payer: Payer, amount_nanos: int, reason: str, actor: str | None, idempotency_key: str | None
    ) -> Transaction:
        """Adds `amount_nanos` (> 0) to the payer's balance.

        A repeat with the same `idempotency_key` returns the first transaction. Raises InvalidAmount, and
        KeyConflict if the key was already used for something else.
        """
        if not 0 < amount_nanos <= CREDIT_NANOS_MAX:
            raise InvalidAmount(
                f"A credit must be above zero and at most {format_nanos(CREDIT_NANOS_MAX)}.", param="amount"
            )
        entry = Entry(
            payer=payer,
            kind=TransactionKind.CREDIT,
            amount_nanos=amount_nanos,
            source_key=f"credit:{idempotency_key or uuid4().hex}",
            description=reason,
            detail={"reason": reason, "given_by": actor},
        )
        return await self._ledger.post(entry)
