"""BILLING_STRICT: a ledger on which no call takes a balance below zero.

Holds limit what calls cost, but the provider has the last word on tokens and price. A cost above its hold
first enlarges the hold. What exceeds the entire balance is not charged, and is recorded in the charge's
detail as `uncollected_nanos` (docs/decisions/0007-growing-holds.md).
"""

from __future__ import annotations

import logging
from dataclasses import replace

from billing.database import Connection
from billing.errors import Conflict, InsufficientCredits, NotFound
from billing.ledger.batches import SQL
from billing.ledger.rows import hold_from
from billing.ledger.schemas import (
    Entry,
    Hold,
    HoldStatus,
    Payer,
    Resolution,
    Settlement,
    Transaction,
    TransactionKind,
)
from billing.ledger.service import Ledger

logger = logging.getLogger(__name__)


class NoOverdraftLedger(Ledger):
    """Charges at most what the hold and the balance cover; each settlement costs one more look-up."""

    async def settle(self, settlement: Settlement) -> Resolution:
        """Like Ledger.settle, but charges no more than is available."""
        covered_nanos = await self._covered(settlement)
        if covered_nanos is not None:
            return await super().settle(_reduced(settlement, covered_nanos))
        if settlement.payer is None:
            return await super().settle(settlement)
        return await self._settle_late(settlement, settlement.payer)

    async def post(self, entry: Entry) -> Transaction:
        """Like Ledger.post; an additional charge of a call is limited to what is available.

        Raises InsufficientCredits if nothing is available.
        """
        if entry.kind is not TransactionKind.CHARGE:
            return await super().post(entry)
        async with self.connection() as connection, connection.transaction():
            available_nanos = await self._locked_available_in(connection, entry.payer)
            if available_nanos <= 0:
                message = f"No balance is left for {entry.source_key}; strict mode does not collect it."
                raise InsufficientCredits(
                    message, available_nanos=available_nanos, required_nanos=-entry.amount_nanos
                )
            covered = replace(entry, amount_nanos=-min(-entry.amount_nanos, available_nanos))
            return await self.post_in(connection, covered)

    async def _covered(self, settlement: Settlement) -> int | None:
        """What the hold covers after enlarging it as needed; None if the call no longer has an open hold."""
        try:
            hold = await self.hold_of(settlement.key)
        except NotFound:
            return None
        if hold.status is HoldStatus.OPEN:
            if settlement.amount_nanos <= hold.amount_nanos:
                return settlement.amount_nanos
            try:
                return await self._enlarged(hold, settlement.amount_nanos)
            except Conflict:  # it ended in the meantime
                return None
        return None

    async def _enlarged(self, hold: Hold, wanted_nanos: int) -> int:
        """Enlarges the hold to the cost, or as far as the balance allows; returns what it covers then."""
        try:
            await self.resize(hold.key, wanted_nanos)
        except InsufficientCredits as error:
            reach_nanos = error.available_nanos
        else:
            return wanted_nanos
        if reach_nanos <= hold.amount_nanos:
            return hold.amount_nanos
        try:
            await self.resize(hold.key, reach_nanos)
        except InsufficientCredits:
            return hold.amount_nanos  # another call was faster
        return reach_nanos

    async def _settle_late(self, settlement: Settlement, payer: Payer) -> Resolution:
        """Settles a call without an open hold: at what it was charged before plus what is available."""
        async with self.connection() as connection, connection.transaction():
            available_nanos = await self._locked_available_in(connection, payer)
            charged_nanos = await self._charged_in(connection, settlement.key)
            covered_nanos = min(settlement.amount_nanos, charged_nanos + max(available_nanos, 0))
            return await self._end_late_in(connection, _reduced(settlement, covered_nanos), payer)

    async def _charged_in(self, connection: Connection, key: str) -> int:
        row = await (await connection.execute(SQL["hold_by_key"], (key,))).fetchone()
        return hold_from(row).charged_nanos or 0 if row is not None else 0


def _reduced(settlement: Settlement, covered_nanos: int) -> Settlement:
    missing_nanos = settlement.amount_nanos - covered_nanos
    if missing_nanos <= 0:
        return settlement
    logger.error("call %s cost %d nanos more than its balance covers", settlement.key, missing_nanos)
    detail = {**settlement.detail, "uncollected_nanos": missing_nanos}
    return replace(settlement, amount_nanos=covered_nanos, detail=detail)
