"""The ledger's connection: what it says when Postgres is slow, leaves or refuses, and that it works again."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator

import psycopg
import pytest

from billing.database import Pool, open_additional_connection, open_pool
from billing.errors import BadRequest, KeyConflict, LedgerUnavailable
from billing.ledger import Ledger
from billing.ledger.connection import LedgerConnection
from billing.ledger.schemas import Entry, HoldRequest, Payer, Settlement, TransactionKind
from billing.ledger.wire import Rows, Wire

ALICE = Payer("user_id", "alice")
PARAMETERS_TOO_MANY = 65_536  # one more than libpq sends


@pytest.fixture
async def link(pool: Pool) -> AsyncIterator[LedgerConnection]:
    opened = LedgerConnection(pool, wait_s=0.3)
    yield opened
    await opened.close()


@pytest.fixture
async def wire(pool: Pool) -> AsyncIterator[Wire]:
    opened = Wire(await open_additional_connection(pool), 250)
    yield opened
    await opened.close()


async def backends_running(pool: Pool, statement: str) -> int:
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND state = 'active' AND query LIKE %s",
            (f"{statement}%",),
        )
        [count] = await cursor.fetchone() or (0,)
        return int(count)


async def until_running(pool: Pool, statement: str, count: int) -> None:
    async with asyncio.timeout(15):
        while await backends_running(pool, statement) != count:  # noqa: ASYNC110 - in Postgres
            await asyncio.sleep(0.01)


def cut(wire: Wire) -> None:
    """Ends the connection's socket as a network does: nothing can be sent or read any more."""
    with socket.socket(fileno=os.dup(wire._socket)) as duplicate:
        duplicate.shutdown(socket.SHUT_RDWR)


class TestAStatement:
    async def test_that_takes_too_long_is_unavailable_and_the_next_is_answered(
        self, link: LedgerConnection
    ) -> None:
        with pytest.raises(LedgerUnavailable, match="did not answer in time"):
            await link.rows(b"SELECT pg_sleep(%s::integer)", (60,))
        assert await link.rows(b"SELECT 1", ()) == [(1,)]

    async def test_that_breaks_each_connection_is_not_repeated_for_ever(self, pool: Pool) -> None:
        link = LedgerConnection(pool, wait_s=30)
        with pytest.raises(LedgerUnavailable, match="broke repeatedly"):
            await link.rows(b"SELECT pg_terminate_backend(pg_backend_pid())", ())
        assert link.breaks == 3
        assert await link.rows(b"SELECT 1", ()) == [(1,)]
        await link.close()

    async def test_whose_caller_leaves_is_not_answered_to_the_next(
        self, link: LedgerConnection, pool: Pool
    ) -> None:
        waiting = asyncio.ensure_future(link.rows(b"SELECT 'left', pg_sleep(%s::float)", (0.2,)))
        await until_running(pool, "SELECT 'left'", 1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await link.rows(b"SELECT 1", ()) == [(1,)]

    async def test_has_a_limit_on_locks_of_its_own(self, link: LedgerConnection) -> None:
        assert await link.rows(b"SHOW lock_timeout", ()) == [("75ms",)]


class TestAWire:
    async def test_tells_who_asks_when_the_connection_was_cut_before(self, wire: Wire) -> None:
        await wire.prepare(b"SELECT 1")
        cut(wire)
        answer: asyncio.Future[Rows | psycopg.Error] = asyncio.get_running_loop().create_future()
        assert wire.start(b"SELECT 1", (), answer.set_result)
        async with asyncio.timeout(10):
            assert isinstance(await answer, psycopg.OperationalError)
        assert not wire.start(b"SELECT 1", (), answer.set_result)

    async def test_tells_who_prepares_when_the_connection_was_cut_before(self, wire: Wire) -> None:
        cut(wire)
        async with asyncio.timeout(10):
            with pytest.raises(psycopg.OperationalError):
                await wire.rows(b"SELECT 1", ())

    async def test_tells_what_libpq_does_not_send(self, wire: Wire) -> None:
        async with asyncio.timeout(10):
            with pytest.raises(psycopg.OperationalError, match="number of parameters"):
                await wire.rows(b"SELECT %s::text", ["x"] * PARAMETERS_TOO_MANY)

    async def test_closed_while_it_sends_leaves_nothing_to_the_event_loop(self, wire: Wire) -> None:
        statement = b"SELECT length(%s::text)"
        await wire.prepare(statement)
        answers: list[Rows | psycopg.Error] = []
        assert wire.start(statement, ("0123456789abcdef" * 1_000_000,), answers.append)
        loop = asyncio.get_running_loop()
        wire.give_up()
        assert not loop.remove_writer(wire._socket)
        assert not loop.remove_reader(wire._socket)
        assert isinstance(answers[0], psycopg.OperationalError)

    async def test_tells_an_error_that_comes_with_the_commit(self, wire: Wire, pool: Pool) -> None:
        """Rows and error come for one statement: it was not committed."""
        async with pool.connection() as connection:
            await connection.execute(
                "CREATE TABLE billing.n (n integer UNIQUE DEFERRABLE INITIALLY DEFERRED)"
            )
        statement = b"INSERT INTO billing.n VALUES (%s::integer) RETURNING n"
        assert await wire.rows(statement, (1,)) == [(1,)]
        with pytest.raises(psycopg.errors.UniqueViolation):
            await wire.rows(statement, (1,))

    async def test_through_a_pooler_tells_why_a_statement_was_not_run(self, database_url: str) -> None:
        joined = "&" if "?" in database_url else "?"
        pool = await open_pool(f"{database_url}{joined}pgbouncer=true", wait_s=1.0)
        wire = Wire(await open_additional_connection(pool), lock_timeout_ms=-5)
        with pytest.raises(psycopg.errors.InvalidParameterValue, match="lock_timeout"):
            await wire.rows(b"SELECT 1", ())
        await wire.close()
        await pool.close()


class TestAnError:
    """Of Postgres's errors each has a name of ours, but those that are bugs."""

    @pytest.fixture
    async def funded(self, ledger: Ledger) -> Ledger:
        await ledger.post(Entry(ALICE, TransactionKind.TOPUP, 100, "topup:1", "Top-up"))
        return ledger

    async def test_of_a_charge_whose_entry_exists_is_a_conflict_and_the_hold_stays(
        self, funded: Ledger
    ) -> None:
        await funded.hold(HoldRequest("k", ALICE, 10, 0, 60))
        await funded.post(Entry(ALICE, TransactionKind.CHARGE, -3, "charge:k", "By hand"))
        with pytest.raises(KeyConflict, match="already used for something else"):
            await funded.settle(Settlement("k", 7, "finished", "demo"))
        account = await funded.account(ALICE)
        assert (account.balance_nanos, account.held_nanos) == (97, 10)

    async def test_of_a_text_that_cannot_be_stored_is_a_bad_request(self, funded: Ledger) -> None:
        with pytest.raises(BadRequest, match="cannot be stored"):
            await funded.hold_of("a\0b")

    async def test_that_nobodys_input_caused_is_postgress_own(self, funded: Ledger, pool: Pool) -> None:
        async with pool.connection() as connection:
            await connection.execute('ALTER TABLE "LiteLLM_StripeHoldTable" RENAME TO moved')
        with pytest.raises(psycopg.errors.UndefinedTable):
            await funded.hold_of("k")
        with pytest.raises(psycopg.errors.UndefinedTable):
            await funded.hold(HoldRequest("k", ALICE, 10, 0, 60))
