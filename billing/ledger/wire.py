"""Runs statements on one connection directly through libpq (psycopg's `pq` layer), without cursors.

For each statement a cursor takes a lock, creates a task and registers its socket with the event loop. That
was more than half of the cost of a single hold in this process (docs/decisions/0002). Here the socket is
registered once, and one statement runs at a time.

Each statement is prepared once, by name. The exception is a transaction pooler (`pgbouncer=true`): it may
route each statement to another server connection, on which nothing may be left behind.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache, partial

import psycopg
from psycopg import pq
from psycopg.adapt import Transformer
from psycopg.rows import TupleRow

from billing.database import Connection, is_pooled

Rows = list[TupleRow]
_LIMIT_LOCK = b"SELECT pg_catalog.set_config('lock_timeout', $1, true)"  # until the end of its transaction


class Wire:
    """Sends statements on `connection`, which nobody else may use any more, and reads their rows.

    Through a pooler each statement waits at most `lock_timeout_ms` for a lock; otherwise the session's
    setting applies.
    """

    def __init__(self, connection: Connection, lock_timeout_ms: int) -> None:
        self._lock_timeout = str(lock_timeout_ms).encode()
        self._is_pooled = is_pooled(connection)
        self._connection = connection
        self._libpq = connection.pgconn
        self._loop = asyncio.get_running_loop()
        self._names: dict[bytes, bytes] = {}
        self._result: pq.abc.PGresult | None = None
        self._on_answer: Callable[[pq.abc.PGresult | psycopg.Error], None] | None = None
        self._is_writing = False
        self._broken: psycopg.Error | None = None
        self._libpq.nonblocking = 1
        if self._is_pooled:
            self._libpq.enter_pipeline_mode()
        self._socket = self._libpq.socket
        self._loop.add_reader(self._socket, self._attempt, self._read)

    async def rows(self, statement: bytes, parameters: Sequence[object]) -> Rows:
        """Runs one statement with `%s` parameters, sent as text, and returns its rows.

        Raises psycopg.Error like a cursor. After a cancellation the wire must be closed: the answer to this
        statement may still arrive.
        """
        await self.prepare(statement)
        self._check()
        answer = self._expected()
        self._send(statement, parameters)
        return self._rows_of(await answer)

    def start(
        self,
        statement: bytes,
        parameters: Sequence[object],
        on_rows: Callable[[Rows | psycopg.Error], None],
    ) -> bool:
        """Sends a statement without awaiting; its rows or error are passed to `on_rows`.

        Returns False and sends nothing if that is not possible now: the statement is not prepared, or the
        connection is broken or busy.
        """
        if self._broken is not None or self._on_answer is not None:
            return False
        if not self._is_pooled and statement not in self._names:
            return False

        def answered(result: pq.abc.PGresult | psycopg.Error) -> None:
            try:
                rows = result if isinstance(result, psycopg.Error) else self._rows_of(result)
            except psycopg.Error as error:
                rows = error
            on_rows(rows)

        self._on_answer = answered
        self._send(statement, parameters)
        return True

    async def prepare(self, statement: bytes) -> None:
        """Has Postgres parse a statement once, unless a pooler forbids prepared statements."""
        if self._is_pooled or statement in self._names:
            return
        self._check()
        name = b"ledger_" + hashlib.sha256(statement).hexdigest()[:32].encode()  # unique to the statement
        answer = self._expected()
        self._attempt(partial(self._prepare, statement, name))
        await answer
        self._names[statement] = name

    def give_up(self) -> None:
        """Fails the pending statement with a timeout; the wire cannot be used any more."""
        self._break(psycopg.OperationalError("Postgres did not answer in time"))

    async def close(self) -> None:
        """Closes the connection; a pending statement fails."""
        self._break(psycopg.OperationalError("the connection was closed"))
        await self._connection.close()

    def _expected(self) -> asyncio.Future[pq.abc.PGresult]:
        answer: asyncio.Future[pq.abc.PGresult] = self._loop.create_future()
        self._on_answer = lambda result: _resolve(answer, result)
        return answer

    def _send(self, statement: bytes, parameters: Sequence[object]) -> None:
        values = [str(parameter).encode() for parameter in parameters]
        send = self._send_unnamed if self._is_pooled else self._send_prepared
        self._attempt(partial(send, statement, values))

    def _attempt(self, step: Callable[[], None]) -> None:
        """Runs a step on the connection; if it fails, the wire cannot be used any more."""
        try:
            step()
        except psycopg.Error as error:
            self._break(error)

    def _prepare(self, statement: bytes, name: bytes) -> None:
        self._libpq.send_prepare(name, _numbered(statement))
        self._flush()

    def _send_prepared(self, statement: bytes, values: Sequence[bytes]) -> None:
        self._libpq.send_query_prepared(self._names[statement], values, result_format=pq.Format.BINARY)
        self._flush()

    def _send_unnamed(self, statement: bytes, values: Sequence[bytes]) -> None:
        """Sends both statements before one Sync, so in one transaction on one server connection."""
        self._libpq.send_query_params(_LIMIT_LOCK, [self._lock_timeout])
        self._libpq.send_query_params(_numbered(statement), values, result_format=pq.Format.BINARY)
        self._libpq.pipeline_sync()
        self._flush()

    def _rows_of(self, result: pq.abc.PGresult) -> Rows:
        rows = Transformer(self._connection)
        rows.set_pgresult(result)
        return rows.load_rows(0, result.ntuples, tuple)

    def _flush(self) -> None:
        """Sends what libpq has buffered; what the socket does not accept now is sent when it can be."""
        is_left = self._libpq.flush() == 1
        if is_left and not self._is_writing:
            self._loop.add_writer(self._socket, self._attempt, self._flush)
        elif self._is_writing and not is_left:
            self._loop.remove_writer(self._socket)
        self._is_writing = is_left

    def _read(self) -> None:
        """Reads what has arrived; a statement ends with libpq's empty result, or its pipeline's Sync."""
        self._libpq.consume_input()
        while self._on_answer is not None and not self._libpq.is_busy():
            result = self._libpq.get_result()
            if self._is_pooled:
                self._take_of_pipeline(result)
            elif result is None:
                self._finish()
            else:
                self._result = result  # the last result counts: a commit may fail after the rows

    def _take_of_pipeline(self, result: pq.abc.PGresult | None) -> None:
        """Takes a pipeline result. The last one is the statement's, or the error that prevented it."""
        if result is None:  # between two results
            return
        if result.status == pq.ExecStatus.PIPELINE_SYNC:
            self._finish()
        elif self._result is None or self._result.status != pq.ExecStatus.FATAL_ERROR:
            self._result = result

    def _finish(self) -> None:
        on_answer, self._on_answer = self._on_answer, None
        result, self._result = self._result, None
        assert on_answer is not None  # otherwise nothing would be read
        assert result is not None  # libpq returns one for each statement
        if result.status == pq.ExecStatus.FATAL_ERROR:
            on_answer(psycopg.errors.error_from_result(result))
        else:
            on_answer(result)

    def _check(self) -> None:
        if self._broken is not None:
            raise self._broken

    def _break(self, error: psycopg.Error) -> None:
        """Marks the connection as broken, for the pending statement and all later ones."""
        if self._broken is not None:
            return
        self._broken = error
        self._loop.remove_reader(self._socket)
        if self._is_writing:
            self._loop.remove_writer(self._socket)
        on_answer, self._on_answer = self._on_answer, None
        if on_answer is not None:
            on_answer(error)


def _resolve(future: asyncio.Future[pq.abc.PGresult], answer: pq.abc.PGresult | psycopg.Error) -> None:
    if future.done():  # its caller was cancelled
        return
    if isinstance(answer, psycopg.Error):
        future.set_exception(answer)
    else:
        future.set_result(answer)


@lru_cache(maxsize=64)  # more than the number of ledger statements
def _numbered(statement: bytes) -> bytes:
    """Replaces `%s` by `$1`, `$2`, …, as libpq expects."""
    pieces = statement.split(b"%s")
    return pieces[0] + b"".join(b"$%d%s" % (n, piece) for n, piece in enumerate(pieces[1:], 1))
