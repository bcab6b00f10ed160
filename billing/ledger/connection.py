"""The connection of a group committer: kept open, and replaced when it breaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import psycopg
from psycopg_pool import PoolClosed, PoolTimeout

from billing.database import Pool, is_pooled, open_additional_connection
from billing.errors import BadRequest, InvalidAmount, KeyConflict, LedgerUnavailable
from billing.ledger.wire import Rows, Wire

_ATTEMPTS = 3
_LIMIT_LOCKS = b"SELECT pg_catalog.set_config('lock_timeout', %s, false)"  # for the whole session
# The prepared statement is missing or exists already: the pooler switched to another server connection.
_ANOTHER_SERVER = ("26000", "42P05")


def is_lost(error: psycopg.Error) -> bool:
    """Whether the connection is gone, so that the outcome of the statement is unknown."""
    state = error.sqlstate
    if isinstance(error, psycopg.InterfaceError) or state in _ANOTHER_SERVER:
        return True
    return isinstance(error, psycopg.OperationalError) and (state is None or state[:2] in ("08", "57", "58"))


def to_billing_error(error: psycopg.Error) -> Exception:
    """Translates a Postgres error caused by one item; an error not caused by input is a bug and kept."""
    if isinstance(error, psycopg.errors.NumericValueOutOfRange):
        return InvalidAmount("The balance would exceed the range of a ledger row.")
    if isinstance(error, psycopg.errors.UniqueViolation):
        return KeyConflict("This key was already used for something else.")
    if isinstance(error, psycopg.errors.DataError):
        return BadRequest("This text cannot be stored.")
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return LedgerUnavailable(f"Postgres could not execute this: {' '.join(str(error).split())}")
    return error


@asynccontextmanager
async def postgres_errors() -> AsyncIterator[None]:
    """Translates the errors of a pooled connection, and of a pool without a free connection."""
    try:
        yield
    except (PoolTimeout, PoolClosed) as error:
        raise LedgerUnavailable("Postgres cannot be reached.") from error
    except psycopg.Error as error:
        raise to_billing_error(error) from error


class LedgerConnection:
    """Runs keyed statements on a connection outside the pool, so that reads never delay a hold."""

    def __init__(self, pool: Pool, wait_s: float, prepared: Sequence[bytes] = ()) -> None:
        """Args: `prepared` are the statements that `start` can send."""
        self._pool = pool
        self._wait_s = wait_s
        self._prepared = prepared
        self._wire: Wire | None = None
        self.breaks = 0  # how often the connection broke during a statement

    async def rows(self, statement: bytes, parameters: Sequence[object]) -> Rows:
        """Runs one statement in its own transaction and returns its rows.

        A broken connection is replaced and the statement repeated, which its keys make safe. Raises
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
        """Sends a statement without awaiting; its result is passed to `on_rows`.

        Returns False and sends nothing if that is not possible now, for example without a connection. Nothing
        is repeated here.
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
        raise LedgerUnavailable("The connection to Postgres broke repeatedly.")

    async def _connect(self) -> Wire:
        connection = await open_additional_connection(self._pool)
        # An account that someone keeps locked must not use up the time of all others in its batch.
        lock_timeout_ms = max(1, round(self._wait_s * 250))
        wire = self._wire = Wire(connection, lock_timeout_ms)  # first, so that a failure below closes it
        if not is_pooled(connection):
            await wire.rows(_LIMIT_LOCKS, (lock_timeout_ms,))
        for statement in self._prepared:
            await wire.prepare(statement)
        return wire

    async def close(self) -> None:
        """Closes the connection, if any; the next statement opens a new one."""
        wire, self._wire = self._wire, None
        if wire is not None:
            await wire.close()
