"""Reads accounts, holds and transactions, and verifies that the books agree. Changes no balance."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from billing.database import Connection, Pool, load_statements
from billing.errors import BadRequest, NotFound
from billing.ledger.batches import SQL
from billing.ledger.connection import postgres_errors
from billing.ledger.rows import account_from, hold_from, sanitize_text, transaction_from, unconfirmed_from
from billing.ledger.schemas import (
    Account,
    Discrepancy,
    Hold,
    Payer,
    Transaction,
    TransactionQuery,
    UnconfirmedCall,
)

PROOF = load_statements("billing.ledger", "proof.sql")
PAGE_MAX = 1000
OPEN_BATCHES_MAX = 1000  # per statement


def bounded(limit: int, limit_max: int = PAGE_MAX) -> int:
    """Validates a page limit. Raises BadRequest unless it is 1 to `limit_max`."""
    if not 1 <= limit <= limit_max:
        raise BadRequest(f"limit must be 1 to {limit_max}.")
    return limit


class LedgerReader:
    """Reads through a pool. Every method raises LedgerUnavailable if Postgres does not answer in time."""

    def __init__(self, pool: Pool, *, currency: str) -> None:
        self._pool = pool
        self._currency = currency

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Borrows a pooled autocommit connection. Postgres errors are raised as billing errors."""
        async with postgres_errors(), self._pool.connection() as connection:
            yield connection

    async def account(self, payer: Payer) -> Account:
        """Returns the payer's account; zeros and no id for an unknown payer. Writes nothing."""
        async with self.connection() as connection:
            return await self.account_in(connection, payer)

    async def account_in(self, connection: Connection, payer: Payer) -> Account:
        """Like `account`, inside the caller's transaction."""
        if "\0" in payer.customer_id:
            return self._unseen(payer)
        cursor = await connection.execute(
            SQL["account_of"], (payer.customer_type, sanitize_text(payer.customer_id))
        )
        row = await cursor.fetchone()
        return account_from(row) if row else self._unseen(payer)

    def _unseen(self, payer: Payer) -> Account:
        return Account(None, payer, None, self._currency, 0, 0, 0, 0, None, False, None, None, None, None)

    async def accounts(self, *, limit: int = 100, after_id: int = 0) -> list[Account]:
        """Returns up to `limit` (1 to 1,000) accounts with an id above `after_id`, ordered by id."""
        values = {"limit": bounded(limit), "after_id": after_id}
        async with self.connection() as connection:
            cursor = await connection.execute(SQL["accounts"], values)
            return [account_from(row) for row in await cursor.fetchall()]

    async def hold_of(self, key: str) -> Hold:
        """Returns the current hold of a call. Raises NotFound."""
        async with self.connection() as connection:
            row = await (await connection.execute(SQL["hold_by_key"], (key,))).fetchone()
        if row is None:
            raise NotFound(f"No hold has the key {key}.")
        return hold_from(row)

    async def due(self, limit: int = 100) -> list[Hold]:
        """Returns up to `limit` open holds whose lease has expired by the database's clock, oldest first.

        Only scans the list of possibly open holds, and removes ended ones from it.
        """
        found: list[Hold] = []
        after_id = 0
        async with self.connection() as connection:
            while len(found) < bounded(limit):
                cursor = await connection.execute(SQL["open_batches"], (after_id, OPEN_BATCHES_MAX))
                [last_id] = await cursor.fetchone() or (None,)
                if last_id is None:
                    break
                values = {"after_id": after_id, "last_id": last_id, "limit": limit - len(found)}
                cursor = await connection.execute(SQL["holds_due"], values)
                found += [hold_from(row) for row in await cursor.fetchall()]
                after_id = last_id
        return found

    async def for_review(self, *, limit: int = 100, before_id: int | None = None) -> list[UnconfirmedCall]:
        """Returns calls charged by the "no event" rule whose real cost is still unknown, newest first."""
        values = {"limit": bounded(limit), "before_id": before_id}
        async with self.connection() as connection:
            cursor = await connection.execute(SQL["holds_for_review"], values)
            return [unconfirmed_from(row) for row in await cursor.fetchall()]

    async def transactions(self, payer: Payer, query: TransactionQuery | None = None) -> list[Transaction]:
        """Returns a page of the payer's transactions, newest first; empty for an unknown payer."""
        query = query or TransactionQuery()
        values = {
            "customer_type": payer.customer_type,
            "customer_id": sanitize_text(payer.customer_id),
            "before_id": query.before_id,
            "kind": query.kind.value if query.kind else None,
            "since": query.since,
            "until": query.until,
            "limit": bounded(query.limit, 100),
        }
        async with self.connection() as connection:
            cursor = await connection.execute(SQL["transactions"], values)
            return [transaction_from(row) for row in await cursor.fetchall()]

    async def verify(self, *, limit: int = 100, timeout_s: int = 600) -> list[Discrepancy]:
        """Checks every rule of `proof.sql` on one snapshot of all books.

        Returns up to `limit` (1 to 1,000) violating rows per rule; an empty list means that the books agree.
        Reads every row: `timeout_s` limits each rule.
        """
        bounded(limit)
        found: list[Discrepancy] = []
        async with self.connection() as connection, connection.transaction():
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            await connection.execute(f"SET LOCAL statement_timeout = '{timeout_s:d}s'".encode())
            for rule, statement in PROOF.items():
                cursor = await connection.execute(statement, (limit,))
                found += [Discrepancy(rule, *row) for row in await cursor.fetchall()]
        return found
