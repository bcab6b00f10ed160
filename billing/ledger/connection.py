"""The connection of a group committer: kept open, replaced when it breaks, each statement safe to repeat."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import psycopg
from psycopg_pool import PoolClosed, PoolTimeout

from billing.database import Pool, connect_beside, is_pooled
from billing.errors import BadRequest, InvalidAmount, KeyConflict, LedgerUnavailable
from billing.ledger.wire import Rows, Wire

_ATTEMPTS = 3
_LIMIT_LOCKS = b"SELECT pg_catalog.set_config('lock_timeout', %s, false)"  # for the whole session
# A prepared statement that is not there, or is there already: the server connection is another than before.
_ANOTHER_SERVER = ("26000", "42P05")


def is_lost(error: psycopg.Error) -> bool:
    """Whether the connection is gone, so that nobody knows what became of the statement."""
    state = error.sqlstate
    if isinstance(error, psycopg.InterfaceError) or state in _ANOTHER_SERVER:
        return True
    return isinstance(error, psycopg.OperationalError) and (state is None or state[:2] in ("08", "57", "58"))


def to_billing_error(error: psycopg.Error) -> Exception:
    """Postgres's error about one item → ours; an error that is nobody's input stays as it is: a bug."""
    if isinstance(error, psycopg.errors.NumericValueOutOfRange):
        return InvalidAmount("The balance would go beyond what a ledger row can hold.")
    if isinstance(error, psycopg.errors.UniqueViolation):
        return KeyConflict("This key was used before for something else.")
    if isinstance(error, psycopg.errors.DataError):
        return BadRequest("This text cannot be stored.")
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return LedgerUnavailable(f"Postgres did not do it: {' '.join(str(error).split())}")
    return error


@asynccontextmanager
async def postgres_errors() -> AsyncIterator[None]:
    """The same for what a pool's connection is used for, and for a pool that has none to give."""
    try:
        yield
    except (PoolTimeout, PoolClosed) as error:
        raise LedgerUnavailable("Postgres cannot be reached.") from error
    except psycopg.Error as error:
        raise to_billing_error(error) from error


class LedgerConnection:
    """Runs keyed statements on a connection apart from the pool, so that reads never delay a hold."""

    def __init__(self, pool: Pool, wait_s: float, prepared: Sequence[bytes] = ()) -> None:
        """`prepared`: the statements that `start` shall be able to send."""
        self._pool = pool
        self._wait_s = wait_s
        self._prepared = prepared
        self._wire: Wire | None = None
        self.breaks = 0  # how often the connection broke under a statement

    async def rows(self, statement: bytes, parameters: Sequence[object]) -> Rows:
        """The rows of one statement in a transaction of its own.

        A connection that breaks is replaced and the statement repeated: its keys make that safe. Raises
        LedgerUnavailable if Postgres cannot be reached or does not answer in time; psycopg.Error otherwise.
        """
        try:
            async with asyncio.timeout(self._wait_s):
                return await self._persist(statement, parameters)
        except TimeoutError as error:
            await self.close()
            raise LedgerUnavailable("Postgres did not answer in time.") from error
        except asyncio.CancelledError:
            await self.close()
            raise

    def start(
        self,
        statement: bytes,
        parameters: Sequence[object],
        on_rows: Callable[[Rows | psycopg.Error], None],
    ) -> bool:
        """Sends a statement in the caller's own step; what comes of it goes to `on_rows`.

        False, and nothing is sent, where that takes more, like a new connection. Nothing is repeated here.
        """
        wire = self._wire
        if wire is None:
            return False
        overdue = asyncio.get_running_loop().call_later(self._wait_s, wire.give_up)

        def answered(answer: Rows | psycopg.Error) -> None:
            overdue.cancel()
            on_rows(answer)

        is_sent = wire.start(statement, parameters, answered)
        if not is_sent:
            overdue.cancel()
        return is_sent

    async def _persist(self, statement: bytes, parameters: Sequence[object]) -> Rows:
        for _ in range(_ATTEMPTS):
            try:
                wire = self._wire or await self._connect()
                return await wire.rows(statement, parameters)
            except psycopg.Error as error:
                if not is_lost(error):
                    raise
                self.breaks += 1
                await self.close()
        raise LedgerUnavailable("Postgres broke the connection again and again.")

    async def _connect(self) -> Wire:
        connection = await connect_beside(self._pool)
        # One account that somebody keeps locked must not use up the time of all the others in its batch.
        lock_timeout_ms = max(1, round(self._wait_s * 250))
        wire = self._wire = Wire(connection, lock_timeout_ms)  # kept first: who fails from here on closes it
        if not is_pooled(connection):
            await wire.rows(_LIMIT_LOCKS, (lock_timeout_ms,))
        for statement in self._prepared:
            await wire.prepare(statement)
        return wire

    async def close(self) -> None:
        """Closes the connection, if there is one; the next statement opens another."""
        wire, self._wire = self._wire, None
        if wire is not None:
            await wire.close()
