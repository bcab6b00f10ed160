"""BILLING_STRICT: a ledger on which no call takes a balance below zero.

Holds bound what calls cost, but a provider has the last word on tokens and price. A cost beyond its hold
first enlarges the hold; what even the whole balance does not cover is not charged, and stands in the charge's
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
    """Charges what hold and balance cover, at the price of one look-up more a settlement."""

    async def settle(self, settlement: Settlement) -> Resolution:
        """As Ledger.settle, with no more than is there."""
        covered_nanos = await self._covered(settlement)
        if covered_nanos is not None:
            return await super().settle(_reduced(settlement, covered_nanos))
        if settlement.payer is None:
            return await super().settle(settlement)
        return await self._settle_late(settlement, settlement.payer)

    async def post(self, entry: Entry) -> Transaction:
        """As Ledger.post; of a further charge of a call no more than is available.

        Raises InsufficientCredits where nothing is.
        """
        if entry.kind is not TransactionKind.CHARGE:
            return await super().post(entry)
        async with self.connection() as connection, connection.transaction():
            available_nanos = await self._locked_available_in(connection, entry.payer)
            if available_nanos <= 0:
                message = f"Nothing is left for {entry.source_key}; strict mode leaves it uncollected."
                raise InsufficientCredits(
                    message, available_nanos=available_nanos, required_nanos=-entry.amount_nanos
                )
            covered = replace(entry, amount_nanos=-min(-entry.amount_nanos, available_nanos))
            return await self.post_in(connection, covered)

    async def _covered(self, settlement: Settlement) -> int | None:
        """What its hold covers, enlarged as far as need be; None for a call that holds nothing any more."""
        try:
            hold = await self.hold_of(settlement.key)
        except NotFound:
            return None
        if hold.status is HoldStatus.OPEN:
            if settlement.amount_nanos <= hold.amount_nanos:
                return settlement.amount_nanos
            try:
                return await self._enlarged(hold, settlement.amount_nanos)
            except Conflict:  # it ended meanwhile
                return None
        return None

    async def _enlarged(self, hold: Hold, wanted_nanos: int) -> int:
        """Enlarges the hold to the cost, or as far as the balance reaches; what it covers then."""
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
        """Of a call that holds nothing any more: what it was charged, and what is available beside."""
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
    logger.error("call %s cost %d nanos more than its balance has", settlement.key, missing_nanos)
    detail = {**settlement.detail, "uncollected_nanos": missing_nanos}
    return replace(settlement, amount_nanos=covered_nanos, detail=detail)
