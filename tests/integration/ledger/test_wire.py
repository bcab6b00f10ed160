"""The ledger's own way to Postgres: what a cursor would answer, it answers; what breaks it, it says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest

from billing.database import Pool, connect_beside
from billing.ledger.wire import Wire


@pytest.fixture
async def wire(pool: Pool) -> AsyncIterator[Wire]:
    opened = Wire(await connect_beside(pool))
    yield opened
    await opened.close()


async def backend_of(wire: Wire) -> int:
    [[backend]] = await wire.rows(b"SELECT pg_backend_pid()", ())
    return int(backend)


async def end_backend(pool: Pool, backend: int) -> None:
    async with pool.connection() as connection:
        await connection.execute("SELECT pg_terminate_backend(%s, 5000)", (backend,))


class TestRows:
    async def test_are_those_of_a_cursor(self, wire: Wire, pool: Pool) -> None:
        statement = b"SELECT %s::text, %s::bigint[], %s::timestamptz, n, NULL FROM generate_series(1, 3) n"
        parameters = ("it's ä", "{1,2}", "2026-11-21 05:00:00+00")
        async with pool.connection() as connection:
            expected = await (await connection.execute(statement, parameters)).fetchall()
        assert await wire.rows(statement, parameters) == expected
        assert await wire.rows(statement, parameters) == expected  # prepared now

    async def test_of_a_statement_that_returns_none(self, wire: Wire) -> None:
        assert await wire.rows(b"SELECT 1 WHERE %s::boolean", (False,)) == []

    async def test_of_a_statement_larger_than_any_socket_buffer(self, wire: Wire) -> None:
        text = "0123456789abcdef" * 1_000_000
        [[length]] = await wire.rows(b"SELECT length(%s::text)", (text,))
        assert length == len(text)

    async def test_of_an_answer_larger_than_any_socket_buffer(self, wire: Wire) -> None:
        [[text]] = await wire.rows(b"SELECT repeat('0123456789abcdef', %s::integer)", (1_000_000,))
        assert len(text) == 16_000_000


class TestAnError:
    async def test_is_psycopgs_own_and_the_wire_goes_on(self, wire: Wire) -> None:
        with pytest.raises(psycopg.errors.DivisionByZero):
            await wire.rows(b"SELECT 1 / %s::integer", (0,))
        assert await wire.rows(b"SELECT 1 / %s::integer", (1,)) == [(1,)]

    async def test_of_a_statement_that_cannot_be_prepared(self, wire: Wire) -> None:
        with pytest.raises(psycopg.errors.UndefinedTable):
            await wire.rows(b"SELECT * FROM nowhere", ())
        assert await wire.rows(b"SELECT 1", ()) == [(1,)]


class TestABrokenConnection:
    async def test_under_a_statement_is_told_at_once(self, wire: Wire, pool: Pool) -> None:
        backend = await backend_of(wire)
        waiting = asyncio.ensure_future(wire.rows(b"SELECT pg_sleep(%s::integer)", (60,)))
        await asyncio.sleep(0)
        await end_backend(pool, backend)
        async with asyncio.timeout(10):
            with pytest.raises(psycopg.OperationalError):
                await waiting

    async def test_while_nothing_is_asked_is_told_to_the_next(self, wire: Wire, pool: Pool) -> None:
        await end_backend(pool, await backend_of(wire))
        async with asyncio.timeout(10):
            for _ in range(2):
                with pytest.raises(psycopg.OperationalError):
                    await wire.rows(b"SELECT 1", ())

    async def test_that_we_close_fails_the_statement_under_way(self, wire: Wire) -> None:
        waiting = asyncio.ensure_future(wire.rows(b"SELECT pg_sleep(%s::integer)", (60,)))
        await asyncio.sleep(0)
        await wire.close()
        with pytest.raises(psycopg.OperationalError):
            await waiting


class TestACancelledCaller:
    async def test_leaves_a_wire_that_can_be_closed(self, wire: Wire) -> None:
        waiting = asyncio.ensure_future(wire.rows(b"SELECT pg_sleep(%s::integer)", (0,)))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await wire.close()
        with pytest.raises(psycopg.OperationalError):
            await wire.rows(b"SELECT 1", ())
