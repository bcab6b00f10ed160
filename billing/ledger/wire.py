"""Statements over one connection, straight on libpq: psycopg's own `pq` layer, without its cursors.

For each statement a cursor takes a lock, makes a task and registers its socket with the event loop. That was
more than half of what a single hold cost this process (docs/decisions/0002). Here it is registered once, and
one statement at a time travels.

Each is prepared once, by name. Not so where a transaction pooler stands between (`pgbouncer=true`): it may
give each statement to another server connection, on which nothing may be left behind.
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
        self._on_answer: Callable[[pq.abc.PGresult | psycopg.Error], None] | None = None
        self._is_writing = False
        self._broken: psycopg.Error | None = None
        self._libpq.nonblocking = 1
        if self._is_pooled:
            self._libpq.enter_pipeline_mode()
        self._socket = self._libpq.socket
        self._loop.add_reader(self._socket, self._attempt, self._read)

    async def rows(self, statement: bytes, parameters: Sequence[object]) -> Rows:
        """The rows of one statement with `%s` parameters, which travel as text.

        Raises psycopg.Error as a cursor would. After a cancellation the wire must be closed: the answer to
        this statement may still come.
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
        """Sends a statement in the caller's own step; its rows, or what was wrong, go to `on_rows`.

        False, and nothing is sent, where that takes more: it is not prepared, or the connection is broken or
        in use.
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
        """Has Postgres parse a statement once for all, where statements may be left behind."""
        if self._is_pooled or statement in self._names:
            return
        self._check()
        name = b"ledger_" + hashlib.sha256(statement).hexdigest()[:32].encode()  # never that of another
        answer = self._expected()
        self._attempt(partial(self._prepare, statement, name))
        await answer
        self._names[statement] = name

    def give_up(self) -> None:
        """The answer does not come: whoever waits for it is told, and the wire is of no use any more."""
        self._break(psycopg.OperationalError("Postgres did not answer in time"))

    async def close(self) -> None:
        """Closes the connection; a statement that is under way fails."""
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
        """Uses the connection; if that fails it is of no use any more."""
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
        """Both travel before one Sync, and so in one transaction on one server connection."""
        self._libpq.send_query_params(_LIMIT_LOCK, [self._lock_timeout])
        self._libpq.send_query_params(_numbered(statement), values, result_format=pq.Format.BINARY)
        self._libpq.pipeline_sync()
        self._flush()

    def _rows_of(self, result: pq.abc.PGresult) -> Rows:
        rows = Transformer(self._connection)
        rows.set_pgresult(result)
        return rows.load_rows(0, result.ntuples, tuple)

    def _flush(self) -> None:
        """Sends what libpq has buffered; what the socket does not take at once goes when it can."""
        is_left = self._libpq.flush() == 1
        if is_left and not self._is_writing:
            self._loop.add_writer(self._socket, self._attempt, self._flush)
        elif self._is_writing and not is_left:
            self._loop.remove_writer(self._socket)
        self._is_writing = is_left

    def _read(self) -> None:
        """Takes what has arrived; a statement is over at libpq's empty result, or at its pipeline's Sync."""
        self._libpq.consume_input()
        while self._on_answer is not None and not self._libpq.is_busy():
            result = self._libpq.get_result()
            if self._is_pooled:
                self._take_of_pipeline(result)
            elif result is None:
                self._finish()
            else:
                self._result = result  # the last one counts: a commit may fail after the rows

    def _take_of_pipeline(self, result: pq.abc.PGresult | None) -> None:
        """The last result is the statement's, or the error for which it was not run."""
        if result is None:  # between two of them
            return
        if result.status == pq.ExecStatus.PIPELINE_SYNC:
            self._finish()
        elif self._result is None or self._result.status != pq.ExecStatus.FATAL_ERROR:
            self._result = result

    def _finish(self) -> None:
        on_answer, self._on_answer = self._on_answer, None
        result, self._result = self._result, None
        assert on_answer is not None  # or it would not have been read
        assert result is not None  # libpq has one for each statement
        if result.status == pq.ExecStatus.FATAL_ERROR:
            on_answer(psycopg.errors.error_from_result(result))
        else:
            on_answer(result)

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


@lru_cache(maxsize=64)  # there are as many as the ledger has statements
def _numbered(statement: bytes) -> bytes:
    """`%s` → `$1`, `$2`, … as libpq wants them."""
    pieces = statement.split(b"%s")
    return pieces[0] + b"".join(b"$%d%s" % (n, piece) for n, piece in enumerate(pieces[1:], 1))
