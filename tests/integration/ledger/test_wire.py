"""The ledger's own way to Postgres: what a cursor would answer, it answers; what breaks it, it says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import psycopg
import pytest

from billing.database import Pool, open_additional_connection, open_pool
from billing.ledger import Ledger
from billing.ledger.connection import LedgerConnection
from billing.ledger.schemas import Entry, HoldRequest, Payer, Settlement, TransactionKind
from billing.ledger.wire import Rows, Wire
from tests.postgres_server import until_waiting

LOCK_TIMEOUT_MS = 250


@pytest.fixture
async def wire(pool: Pool) -> AsyncIterator[Wire]:
    opened = Wire(await open_additional_connection(pool), LOCK_TIMEOUT_MS)
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


class TestASecondStatement:
    async def test_is_not_started_while_one_is_under_way(self, wire: Wire) -> None:
        sleep, one = b"SELECT pg_sleep(%s::float)", b"SELECT 1"
        await wire.prepare(one)
        waiting = asyncio.ensure_future(wire.rows(sleep, (0.05,)))
        await asyncio.sleep(0)
        answers: list[Rows | psycopg.Error] = []
        assert not wire.start(one, (), answers.append)
        await waiting
        assert answers == []

    async def test_is_not_started_before_it_is_prepared(self, wire: Wire) -> None:
        assert not wire.start(b"SELECT 1", (), lambda rows: None)


class TestAStartedStatement:
    async def test_tells_its_rows(self, wire: Wire) -> None:
        assert await started(wire, b"SELECT %s::integer", (4,)) == [(4,)]

    async def test_tells_its_error_and_the_wire_goes_on(self, wire: Wire) -> None:
        assert isinstance(await started(wire, b"SELECT 1 / %s::integer", (0,)), psycopg.errors.DivisionByZero)
        assert await wire.rows(b"SELECT 1", ()) == [(1,)]

    async def test_tells_that_its_rows_cannot_be_read_and_the_wire_goes_on(self, wire: Wire) -> None:
        answer = await started(wire, b"SELECT %s::timestamptz", ("infinity",))
        assert isinstance(answer, psycopg.DataError)
        assert await wire.rows(b"SELECT 1", ()) == [(1,)]

    async def test_tells_that_it_was_given_up(self, wire: Wire) -> None:
        asyncio.get_running_loop().call_later(0.05, wire.give_up)
        answer = await started(wire, b"SELECT pg_sleep(%s::integer)", (60,))
        assert isinstance(answer, psycopg.OperationalError)


async def started(wire: Wire, statement: bytes, parameters: Sequence[object]) -> Rows | psycopg.Error:
    await wire.prepare(statement)
    answer: asyncio.Future[Rows | psycopg.Error] = asyncio.get_running_loop().create_future()
    assert wire.start(statement, parameters, answer.set_result)
    async with asyncio.timeout(10):
        return await answer


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


@pytest.fixture
async def pooler(database_url: str) -> AsyncIterator[Pool]:
    """As through PgBouncer, by what `DATABASE_URL` says."""
    joined = "&" if "?" in database_url else "?"
    pool = await open_pool(f"{database_url}{joined}pgbouncer=true", wait_s=1.0)
    yield pool
    await pool.close()


@pytest.fixture
async def unnamed(pooler: Pool) -> AsyncIterator[Wire]:
    opened = Wire(await open_additional_connection(pooler), LOCK_TIMEOUT_MS)
    yield opened
    await opened.close()


class TestThroughATransactionPooler:
    async def test_a_statement_leaves_nothing_on_its_connection(self, unnamed: Wire) -> None:
        before = await unnamed.rows(b"SELECT current_setting('lock_timeout')", ())
        for _ in range(2):
            assert await unnamed.rows(b"SELECT name FROM pg_prepared_statements", ()) == []
        assert before == [(f"{LOCK_TIMEOUT_MS}ms",)]  # its own, while it runs
        [[session]] = await unnamed.rows(b"SELECT reset_val FROM pg_settings WHERE name = 'lock_timeout'", ())
        assert session == "0"

    async def test_rows_are_those_of_a_named_one(self, unnamed: Wire, wire: Wire) -> None:
        statement = b"SELECT %s::text, %s::bigint[], %s::timestamptz, n, NULL FROM generate_series(1, 3) n"
        parameters = ("it's \u00e4", "{1,2}", "2026-11-21 05:00:00+00")
        expected = await wire.rows(statement, parameters)
        for _ in range(2):
            assert await unnamed.rows(statement, parameters) == expected

    async def test_waits_for_a_lock_no_longer_than_it_may(self, unnamed: Wire, pool: Pool) -> None:
        async with pool.connection() as connection, connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(7)")
            async with asyncio.timeout(5):
                with pytest.raises(psycopg.errors.LockNotAvailable):
                    await unnamed.rows(b"SELECT pg_advisory_xact_lock(%s)", (7,))
        assert await unnamed.rows(b"SELECT 1", ()) == [(1,)]

    async def test_an_error_is_of_its_statement_alone(self, unnamed: Wire) -> None:
        for _ in range(2):
            with pytest.raises(psycopg.errors.DivisionByZero):
                await unnamed.rows(b"SELECT 1 / %s::integer", (0,))
            assert await unnamed.rows(b"SELECT 1 / %s::integer", (1,)) == [(1,)]

    async def test_a_large_statement_and_a_large_answer_pass(self, unnamed: Wire) -> None:
        [[text]] = await unnamed.rows(b"SELECT %s::text", ("0123456789abcdef" * 500_000,))
        assert len(text) == 8_000_000

    async def test_a_broken_connection_is_told_at_once(self, unnamed: Wire, pool: Pool) -> None:
        backend = await backend_of(unnamed)
        waiting = asyncio.ensure_future(unnamed.rows(b"SELECT pg_sleep(%s::integer)", (60,)))
        await asyncio.sleep(0)
        await end_backend(pool, backend)
        async with asyncio.timeout(10):
            with pytest.raises(psycopg.OperationalError):
                await waiting

    async def test_a_ledger_works(self, pooler: Pool) -> None:
        alice = Payer("user_id", "alice")
        async with Ledger(pooler, owner="test") as ledger:
            await ledger.post(Entry(alice, TransactionKind.TOPUP, 1000, "topup:1", "Top-up"))
            holds = [HoldRequest(f"call_{n}", alice, 10, 1, 60) for n in range(5)]
            await asyncio.gather(*(ledger.hold(hold) for hold in holds))
            for hold in holds:
                await ledger.settle(Settlement(hold.key, 7, "finished", "m", payer=alice))
            assert (await ledger.account(alice)).balance_nanos == 1000 - 5 * 7


class TestASingleRequestOfALedger:
    async def test_whose_connection_breaks_is_carried_out_once(self, pool: Pool) -> None:
        """The commit may or may not have happened: the same key is asked again on a new connection."""
        alice = Payer("user_id", "alice")
        async with Ledger(pool, owner="test") as ledger, Ledger(pool, owner="other") as other:
            await ledger.post(Entry(alice, TransactionKind.TOPUP, 1000, "topup:1", "Top-up"))
            await ledger.hold(HoldRequest("call_0", alice, 10, 1, 60))
            wire = ledger._link._wire
            assert wire is not None
            backend = wire._libpq.backend_pid
            async with pool.connection() as connection, connection.transaction():
                await connection.execute(
                    'SELECT FROM billing."LiteLLM_StripeBalanceTable" WHERE customer_id = %s FOR UPDATE',
                    ("alice",),
                )
                waiting = asyncio.ensure_future(ledger.hold(HoldRequest("call_1", alice, 10, 1, 60)))
                await asyncio.sleep(0)
                await end_backend(pool, backend)
            assert (await waiting).available_nanos == 980
            assert ledger._link.breaks == 1
            assert (await other.account(alice)).held_nanos == 20


class TestAPoolerThatNobodyTold:
    """Without `pgbouncer=true` in the URL: what was prepared is not there any more, or is there already."""

    async def test_a_lost_statement_is_prepared_again_on_a_new_connection(self, pool: Pool) -> None:
        link = LedgerConnection(pool, wait_s=5)
        for breaks in range(2):
            assert await link.rows(b"SELECT %s::integer", (4,)) == [(4,)]
            assert link.breaks == breaks
            await link.rows(b"DEALLOCATE ALL", ())
        await link.close()

    async def test_no_statement_has_the_name_of_another(self, pool: Pool) -> None:
        first, second = (
            Wire(await open_additional_connection(pool), 1),
            Wire(await open_additional_connection(pool), 1),
        )
        for wire, text in ((first, b"SELECT 1, name FROM "), (second, b"SELECT 2, name FROM ")):
            await wire.rows(text + b"pg_prepared_statements", ())
        [[_, one]] = await first.rows(b"SELECT 1, name FROM pg_prepared_statements", ())
        [[_, two]] = await second.rows(b"SELECT 2, name FROM pg_prepared_statements", ())
        await first.close()
        await second.close()
        assert one != two


class TestANewConnection:
    """Nobody has it yet while its statements are prepared."""

    @pytest.fixture
    async def link(self, pool: Pool) -> AsyncIterator[LedgerConnection]:
        async with pool.connection() as connection:
            await connection.execute("CREATE TABLE billing.asked ()")
        link = LedgerConnection(pool, 2, (b"SELECT FROM billing.asked",))
        yield link
        await link.close()

    async def test_that_breaks_before_it_is_ready_is_replaced(
        self, link: LedgerConnection, pool: Pool
    ) -> None:
        async with pool.connection() as blocker, blocker.transaction():
            await blocker.execute("LOCK TABLE billing.asked")
            waiting = asyncio.ensure_future(link.rows(b"SELECT 1", ()))
            await until_waiting(pool)
            for backend in await backends(pool, b"wait_event_type = 'Lock'"):
                await end_backend(pool, backend)
        assert await waiting == [(1,)]
        assert link.breaks == 1

    async def test_that_cannot_be_made_ready_is_not_left_behind(
        self, link: LedgerConnection, pool: Pool
    ) -> None:
        async with pool.connection() as blocker, blocker.transaction():
            await blocker.execute("LOCK TABLE billing.asked")
            before = await backends(pool, b"TRUE")
            for _ in range(2):
                with pytest.raises(psycopg.errors.LockNotAvailable):
                    await link.rows(b"SELECT 1", ())
                await link.close()
        async with asyncio.timeout(10):
            while await backends(pool, b"TRUE") - before:  # noqa: ASYNC110 - Postgres ends them in its time
                await asyncio.sleep(0.01)


async def backends(pool: Pool, condition: bytes) -> set[int]:
    """Those of this database of which it is true."""
    async with pool.connection() as connection:
        cursor = await connection.execute(
            b"SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND " + condition
        )
        return {pid for (pid,) in await cursor.fetchall()}
