"""Statements over one connection, straight on libpq: psycopg's own `pq` layer, without its cursors.

For each statement a cursor takes a lock, makes a task and registers its socket with the event loop. That was
more than half of what a lone hold cost this process (docs/decisions/0002). Here it is registered once, and
one statement at a time travels.

Each is prepared once, by name. Not so where a transaction pooler stands between (`pgbouncer=true`): it may
give each statement to another server connection, on which nothing may be left behind.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from functools import lru_cache

import psycopg
from psycopg import pq
from psycopg.adapt import Transformer
from psycopg.rows import TupleRow

from billing.database import Connection, is_pooled

_LIMIT_LOCK = b"SELECT pg_catalog.set_config('lock_timeout', $1, true)"  # until the end of its transaction


class Wire:
    """Sends statements on `connection`, which nobody else may use any more, and reads their rows.

    Through a pooler each statement waits `lock_timeout_ms` for a lock, at most; else the session's setting.
    """

    def __init__(self, connection: Connection, lock_timeout_ms: int) -> None:
        self._lock_timeout = str(lock_timeout_ms).encode()
        self._is_pooled = is_pooled(connection)
        self._connection = connection
        self._libpq = connection.pgconn
        self._loop = asyncio.get_running_loop()
        self._names: dict[bytes, bytes] = {}
        self._result: pq.abc.PGresult | None = None
        self._answer: asyncio.Future[pq.abc.PGresult] | None = None
        self._is_writing = False
        self._broken: psycopg.Error | None = None
        self._libpq.nonblocking = 1
        if self._is_pooled:
            self._libpq.enter_pipeline_mode()
        self._socket = self._libpq.socket
        self._loop.add_reader(self._socket, self._read)

    async def rows(self, statement: bytes, parameters: Sequence[object]) -> list[TupleRow]:
        """The rows of one statement with `%s` parameters, which travel as text.

        Raises psycopg.Error as a cursor would. After a cancellation the wire must be closed: the answer to
        this statement may still come.
        """
        values = [str(parameter).encode() for parameter in parameters]
        if self._is_pooled:
            self._send_unnamed(statement, values)
        else:
            name = self._names.get(statement) or await self._prepare(statement)
            self._check()
            self._libpq.send_query_prepared(name, values, result_format=pq.Format.BINARY)
        result = await self._answered()
        rows = Transformer(self._connection)
        rows.set_pgresult(result)
        return rows.load_rows(0, result.ntuples, tuple)

    async def close(self) -> None:
        """Closes the connection; a statement that is under way fails."""
        self._break(psycopg.OperationalError("the connection was closed"))
        await self._connection.close()

    async def _prepare(self, statement: bytes) -> bytes:
        name = b"ledger_" + hashlib.sha256(statement).hexdigest()[:32].encode()  # never that of another
        self._check()
        self._libpq.send_prepare(name, _numbered(statement))
        await self._answered()
        self._names[statement] = name
        return name

    def _send_unnamed(self, statement: bytes, values: Sequence[bytes]) -> None:
        """Both travel before one Sync, and so in one transaction on one server connection."""
        self._check()
        self._libpq.send_query_params(_LIMIT_LOCK, [self._lock_timeout])
        self._libpq.send_query_params(_numbered(statement), values, result_format=pq.Format.BINARY)
        self._libpq.pipeline_sync()

    def _answered(self) -> asyncio.Future[pq.abc.PGresult]:
        self._answer = self._loop.create_future()
        self._result = None
        self._write()
        return self._answer

    def _write(self) -> None:
        """Sends what libpq has buffered; what the socket does not take at once goes when it can."""
        try:
            is_left = self._libpq.flush() == 1
        except psycopg.Error as error:
            self._break(error)
            return
        if is_left and not self._is_writing:
            self._loop.add_writer(self._socket, self._write)
        elif self._is_writing and not is_left:
            self._loop.remove_writer(self._socket)
        self._is_writing = is_left

    def _read(self) -> None:
        """Takes what has arrived; a statement is over at libpq's empty result, or at its pipeline's Sync."""
        try:
            self._libpq.consume_input()
            while self._answer is not None and not self._libpq.is_busy():
                result = self._libpq.get_result()
                if self._is_pooled:
                    self._take_of_pipeline(result)
                elif result is None:
                    self._finish()
                elif self._result is None or result.status == pq.ExecStatus.FATAL_ERROR:
                    self._result = result
        except psycopg.Error as error:
            self._break(error)

    def _take_of_pipeline(self, result: pq.abc.PGresult | None) -> None:
        """The last result is the statement's, or the error for which it was not run."""
        if result is None:  # between two of them
            return
        if result.status == pq.ExecStatus.PIPELINE_SYNC:
            self._finish()
        elif self._result is None or self._result.status != pq.ExecStatus.FATAL_ERROR:
            self._result = result

    def _finish(self) -> None:
        answer, self._answer = self._answer, None
        result, self._result = self._result, None
        if answer is None or answer.done():  # its caller was cancelled
            return
        if result is None:
            answer.set_exception(psycopg.OperationalError("Postgres gave no answer"))
        elif result.status == pq.ExecStatus.FATAL_ERROR:
            answer.set_exception(psycopg.errors.error_from_result(result))
        else:
            answer.set_result(result)

    def _check(self) -> None:
        if self._broken is not None:
            raise self._broken

    def _break(self, error: psycopg.Error) -> None:
        """The connection is of no use any more, now and for whoever asks later."""
        if self._broken is not None:
            return
        self._broken = error
        self._loop.remove_reader(self._socket)
        if self._is_writing:
            self._loop.remove_writer(self._socket)
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_exception(error)


@lru_cache(maxsize=64)  # there are as many as the ledger has statements
def _numbered(statement: bytes) -> bytes:
    """`%s` → `$1`, `$2`, … as libpq wants them."""
    pieces = statement.split(b"%s")
    return pieces[0] + b"".join(b"$%d%s" % (n, piece) for n, piece in enumerate(pieces[1:], 1))
