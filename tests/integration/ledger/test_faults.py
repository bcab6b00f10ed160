"""Broken connections, a stopped Postgres, callers that leave: no hold is lost, none is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from billing.database import Connection, Pool, migrate, open_pool
from billing.errors import LedgerBusy, LedgerUnavailable
from billing.ledger import Ledger
from billing.ledger.schemas import (
    Entry,
    Hold,
    HoldRequest,
    HoldStatus,
    LedgerLimits,
    Payer,
    Resolution,
    Settlement,
    TransactionKind,
)
from tests.postgres_server import PostgresServer

ALICE = Payer("user_id", "alice")


def request(key: str, amount_nanos: int = 10) -> HoldRequest:
    return HoldRequest(key, ALICE, amount_nanos, 1, 60)


@pytest.fixture
async def funded(ledger: Ledger) -> Ledger:
    await ledger.post(Entry(ALICE, TransactionKind.TOPUP, 1000, "topup:1", "Top-up"))
    return ledger


@pytest.fixture
async def blocker(pool: Pool) -> AsyncIterator[Connection]:
    """A transaction of somebody else that keeps Alice's account locked until it is rolled back."""
    async with pool.connection() as connection:
        await connection.execute("BEGIN")
        await connection.execute('SELECT 1 FROM "LiteLLM_StripeBalanceTable" FOR UPDATE')
        yield connection
        await connection.execute("ROLLBACK")


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(15):
        while not await condition():  # noqa: ASYNC110 - the signal is in Postgres, which cannot set our Event
            await asyncio.sleep(0.01)


async def waiting_backends(pool: Pool) -> list[int]:
    """Ledger backends that wait for a lock now."""
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        return [row[0] for row in await cursor.fetchall()]


async def until_blocked(pool: Pool) -> list[int]:
    await until(lambda: _any(waiting_backends(pool)))
    return await waiting_backends(pool)


async def _any(found: Awaitable[list[int]]) -> bool:
    return bool(await found)


class TestABrokenConnection:
    async def test_under_a_waiting_batch_changes_no_answer(
        self, funded: Ledger, pool: Pool, blocker: Connection
    ) -> None:
        holds = [asyncio.ensure_future(funded.hold(request(f"k{number}"))) for number in range(5)]
        [backend] = await until_blocked(pool)
        async with pool.connection() as connection:
            await connection.execute("SELECT pg_terminate_backend(%s)", (backend,))
        await blocker.execute("ROLLBACK")
        assert [hold.status for hold in await asyncio.gather(*holds)] == [HoldStatus.OPEN] * 5
        assert (await funded.account(ALICE)).held_nanos == 50

    @pytest.mark.parametrize("turn", range(3))
    async def test_under_load_neither_loses_nor_doubles(self, funded: Ledger, pool: Pool, turn: int) -> None:
        """Backends are killed at any moment, also between a commit and its answer."""
        stop = asyncio.Event()

        async def kill() -> None:
            while not stop.is_set():
                async with pool.connection() as connection:
                    await connection.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                        " AND query ~ '(exchange|_batch|_one)_v[12]'"
                    )
                await asyncio.sleep(0.01)

        killer = asyncio.ensure_future(kill())
        calls = 0
        while calls < 60 or funded._link.breaks < 3:  # a fast machine makes many calls between two kills
            hold = await hold_somehow(funded, f"{turn}-{calls}")
            assert hold.status is HoldStatus.OPEN
            resolution = await settle_somehow(funded, hold.key)
            assert (resolution.status, resolution.charged_nanos) == (HoldStatus.SETTLED, 3)
            calls += 1
        stop.set()
        await killer

        async def nothing_is_held() -> bool:
            return (await funded.account(ALICE)).held_nanos == 0

        await until(nothing_is_held)
        assert (await funded.account(ALICE)).balance_nanos == 1000 - calls * 3
        assert await funded.verify() == []


async def hold_somehow(ledger: Ledger, name: str) -> Hold:
    """As a client does that was told 503: it asks again, which is another call with another key."""
    for attempt in itertools.count():
        with contextlib.suppress(LedgerUnavailable):
            return await ledger.hold(request(f"{name}-{attempt}"))
    raise AssertionError


async def settle_somehow(ledger: Ledger, key: str) -> Resolution:
    """As our gateway does: the same settlement with the same key until it is answered."""
    while True:
        with contextlib.suppress(LedgerUnavailable):
            return await ledger.settle(Settlement(key, 3, "finished", "call"))


class TestACallerThatLeaves:
    async def test_while_its_hold_is_decided_leaves_no_hold_behind(
        self, funded: Ledger, pool: Pool, blocker: Connection
    ) -> None:
        task = asyncio.ensure_future(funded.hold(request("left")))
        await until_blocked(pool)
        task.cancel()
        await blocker.execute("ROLLBACK")

        async def released() -> bool:
            account = await funded.account(ALICE)
            return account.held_nanos == 0 and await status_of(funded, "left") is HoldStatus.RELEASED

        await until(released)
        hold = await funded.hold_of("left")
        assert (hold.ending, hold.charged_nanos) == ("abandoned", 0)

    async def test_does_not_undo_a_settlement(self, funded: Ledger, pool: Pool, blocker: Connection) -> None:
        await blocker.execute("ROLLBACK")
        await funded.hold(request("k"))
        await blocker.execute("BEGIN")
        await blocker.execute('SELECT 1 FROM "LiteLLM_StripeBalanceTable" FOR UPDATE')
        task = asyncio.ensure_future(funded.settle(Settlement("k", 7, "finished", "call")))
        await until_blocked(pool)
        task.cancel()
        await blocker.execute("ROLLBACK")

        async def settled() -> bool:
            return await status_of(funded, "k") is HoldStatus.SETTLED

        await until(settled)
        assert (await funded.account(ALICE)).total_spent_nanos == 7


async def status_of(ledger: Ledger, key: str) -> HoldStatus | None:
    holds = [await ledger.hold_of(key)] if await exists(ledger, key) else []
    return holds[0].status if holds else None


async def exists(ledger: Ledger, key: str) -> bool:
    async with ledger.connection() as connection:
        cursor = await connection.execute('SELECT 1 FROM "LiteLLM_StripeHoldTable" WHERE key = %s', (key,))
        return await cursor.fetchone() is not None


class TestASlowPostgres:
    async def test_makes_no_caller_wait_longer_than_the_limit_and_releases_what_it_admits_late(
        self, funded: Ledger, pool: Pool, blocker: Connection
    ) -> None:
        async with Ledger(pool, owner="slow", limits=LedgerLimits(wait_s=0.4, retry_s=0.05)) as slow:
            with pytest.raises(LedgerUnavailable):
                await slow.hold(request("late"))
            await blocker.execute("ROLLBACK")

            async def released() -> bool:
                return await status_of(slow, "late") is HoldStatus.RELEASED

            await until(released)
            assert (await slow.account(ALICE)).held_nanos == 0

    async def test_fills_the_queue_to_its_limit_and_no_further(
        self, funded: Ledger, pool: Pool, blocker: Connection
    ) -> None:
        limits = LedgerLimits(queue_max=3, wait_s=20)
        async with Ledger(pool, owner="small", limits=limits) as small:
            flying = asyncio.ensure_future(small.hold(request("flying")))
            await until_blocked(pool)
            waiting = [asyncio.ensure_future(small.hold(request(f"w{number}"))) for number in range(3)]
            await asyncio.sleep(0)
            assert small.waiting == 3
            with pytest.raises(LedgerBusy):
                await small.hold(request("one too many"))
            await blocker.execute("ROLLBACK")
            assert all(isinstance(hold, Hold) for hold in await asyncio.gather(flying, *waiting))


class TestAStoppedPostgres:
    @pytest.fixture
    def own_server(self) -> Iterator[PostgresServer]:
        server = PostgresServer()
        yield server
        server.close()

    async def test_refuses_at_once_and_the_ledger_works_again_when_it_is_back(
        self, own_server: PostgresServer
    ) -> None:
        url = own_server.create_database()
        await migrate(url)
        pool = await open_pool(url, wait_s=3)
        async with Ledger(pool, owner="test", limits=LedgerLimits(wait_s=3)) as ledger:
            await ledger.post(Entry(ALICE, TransactionKind.TOPUP, 100, "topup:1", "Top-up"))
            await ledger.hold(request("before"))
            await asyncio.to_thread(own_server.stop)
            async with asyncio.timeout(2):
                with pytest.raises(LedgerUnavailable):
                    await ledger.hold(request("during"))
                with pytest.raises(LedgerUnavailable):
                    await ledger.settle(Settlement("before", 4, "finished", "call"))
            with pytest.raises(LedgerUnavailable):
                await ledger.account(ALICE)
            await asyncio.to_thread(own_server.start)
            settled = await ledger.settle(Settlement("before", 4, "finished", "call"))
            assert settled.changed
            assert (await ledger.hold(request("after"))).status is HoldStatus.OPEN
            assert await ledger.verify() == []
        await pool.close()
