"""Whose hold is released when somebody leaves: the one's who left, and nobody else's."""

from __future__ import annotations

import asyncio

import pytest

from billing.database import Pool, open_pool
from billing.errors import InsufficientCredits, LedgerUnavailable, NotFound
from billing.ledger import Ledger
from billing.ledger.schemas import Entry, HoldRequest, HoldStatus, LedgerLimits, Payer, TransactionKind
from tests.faults.network import Network, socket_file_of
from tests.postgres_server import database_of, until_waiting

ALICE = Payer("user_id", "alice")
BOB = Payer("user_id", "bob")


@pytest.mark.parametrize("is_sent_alone", [False, True])
async def test_a_repeat_that_leaves_does_not_release_the_hold_of_who_asked_first(
    ledger: Ledger, pool: Pool, is_sent_alone: bool
) -> None:
    """One sent alone is only told that the key is not new; whose hold that is, a batch tells."""
    await ledger.post(Entry(ALICE, TransactionKind.TOPUP, 100, "topup:1", "Top-up"))
    await ledger.hold(HoldRequest("call", ALICE, 10, 0, 60))
    async with Ledger(pool, owner="another") as another:
        if is_sent_alone:  # which takes a connection
            await another.hold(HoldRequest("before it", ALICE, 10, 0, 60))
            await another.release("before it", "done")
        async with pool.connection() as blocker, blocker.transaction():
            await blocker.execute('SELECT 1 FROM "LiteLLM_StripeBalanceTable" FOR UPDATE')
            repeat = asyncio.ensure_future(another.hold(HoldRequest("call", ALICE, 10, 0, 60)))
            await until_waiting(pool)
            repeat.cancel()
        await another.hold(HoldRequest("behind it", ALICE, 10, 0, 60))
    assert (await ledger.hold_of("call")).status is HoldStatus.OPEN
    assert (await ledger.account(ALICE)).held_nanos == 20


@pytest.mark.parametrize("is_cancelled", [True, False])
async def test_a_hold_is_released_that_cannot_be_read_after_its_answer_was_lost(
    ledger: Ledger, database_url: str, is_cancelled: bool
) -> None:
    """Asked again it is known, and its row must be read: until then nobody has it."""
    await ledger.post(Entry(ALICE, TransactionKind.TOPUP, 100, "topup:1", "Top-up"))
    async with Network(socket_file_of(database_url)) as network:
        url = f"postgresql://postgres@127.0.0.1:{network.port}/{database_of(database_url)}"
        pool = await open_pool(url, max_size=1, wait_s=0.5)
        async with Ledger(pool, owner="far", limits=LedgerLimits(retry_s=0.05)) as far:
            await far.hold(HoldRequest("before it", ALICE, 10, 0, 60))
            network.cut_next(1, "answered")
            async with pool.connection():  # it is the only one
                hold = asyncio.ensure_future(far.hold(HoldRequest("call", ALICE, 10, 0, 60)))
                await until_requested(pool)
                if is_cancelled:
                    hold.cancel()
                with pytest.raises(asyncio.CancelledError if is_cancelled else LedgerUnavailable):
                    await hold
            await until_released(ledger, "call")
        await pool.close()
    assert (await ledger.account(ALICE)).held_nanos == 10


async def test_a_lost_answer_is_remembered_where_another_item_of_its_batch_fails(
    ledger: Ledger, database_url: str, pool: Pool
) -> None:
    """Then each item is asked alone, on a connection that did not break."""
    for payer in (ALICE, BOB):
        await ledger.post(Entry(payer, TransactionKind.TOPUP, 100, f"topup:{payer.customer_id}", "Top-up"))
    async with Network(socket_file_of(database_url)) as network:
        far_pool = await open_pool(
            f"postgresql://postgres@127.0.0.1:{network.port}/{database_of(database_url)}"
        )
        async with Ledger(far_pool, owner="far", limits=LedgerLimits(wait_s=2, retry_s=0.05)) as far:
            await far.hold(HoldRequest("before it", ALICE, 10, 0, 60))
            network.cut_next(1, "answered")
            async with pool.connection() as blocker, blocker.transaction():
                await blocker.execute(
                    'SELECT 1 FROM "LiteLLM_StripeBalanceTable" WHERE customer_id = %s FOR UPDATE', ("bob",)
                )
                leaves = asyncio.ensure_future(far.hold(HoldRequest("call", ALICE, 10, 0, 60)))
                fails = asyncio.ensure_future(far.hold(HoldRequest("locked", BOB, 10, 0, 60)))
                await until_waiting(pool)
                leaves.cancel()
                with pytest.raises(LedgerUnavailable):
                    await fails
            await until_released(ledger, "call")
        await far_pool.close()


async def leave(ledger: Ledger, pool: Pool, *keys: str) -> None:
    """Asks for these holds and leaves while Postgres, where the caller keeps a lock, decides them."""
    holds = [asyncio.ensure_future(ledger.hold(HoldRequest(key, ALICE, 10, 0, 60))) for key in keys]
    await until_waiting(pool)
    for hold in holds:
        hold.cancel()
    await asyncio.wait(holds)


class TestAHoldThatWasGivenUp:
    async def test_is_not_given_to_who_asks_with_its_key_again(self, ledger: Ledger, pool: Pool) -> None:
        await ledger.post(Entry(ALICE, TransactionKind.TOPUP, 100, "topup:1", "Top-up"))
        limits = LedgerLimits(wait_s=0.2, retry_s=60)
        async with (
            Ledger(pool, owner="left", limits=limits) as left,
            pool.connection() as blocker,
            blocker.transaction(),
        ):
            await blocker.execute('SELECT FROM "LiteLLM_StripeBalanceTable" FOR UPDATE')
            with pytest.raises(LedgerUnavailable):
                await left.hold(HoldRequest("call", ALICE, 10, 0, 60))
            with pytest.raises(LedgerUnavailable, match="given up"):
                await left.hold(HoldRequest("call", ALICE, 10, 0, 60))

    async def test_of_a_payer_without_account_needs_no_release(self, ledger: Ledger, pool: Pool) -> None:
        request = HoldRequest("call", ALICE, 10, 0, 60)
        async with Ledger(pool, owner="left", limits=LedgerLimits(wait_s=1, retry_s=0.05)) as left:
            async with pool.connection() as blocker, blocker.transaction():
                await blocker.execute('LOCK TABLE "LiteLLM_StripeBalanceTable"')
                with pytest.raises(LedgerUnavailable):
                    await left.hold(request)
            async with asyncio.timeout(15):
                while "call" in left._abandoned:  # noqa: ASYNC110 - it has no event for it
                    await asyncio.sleep(0.01)
            with pytest.raises(InsufficientCredits):  # as if it had not been asked for before
                await left.hold(request)
        assert (await ledger.account(ALICE)).id is None

    async def test_beyond_the_limit_stays_until_its_lease_is_over(self, ledger: Ledger, pool: Pool) -> None:
        await ledger.post(Entry(ALICE, TransactionKind.TOPUP, 100, "topup:1", "Top-up"))
        async with Ledger(pool, owner="left", limits=LedgerLimits(abandoned_max=2)) as left:
            async with pool.connection() as blocker, blocker.transaction():
                await blocker.execute('SELECT FROM "LiteLLM_StripeBalanceTable" FOR UPDATE')
                await leave(left, pool, "first", "second", "third")
            await until_released(ledger, "second")
        assert [(await ledger.hold_of(key)).status for key in ("first", "third")] == [
            HoldStatus.RELEASED,
            HoldStatus.OPEN,
        ]

    async def test_does_not_keep_a_ledger_from_closing(self, ledger: Ledger, pool: Pool) -> None:
        await ledger.post(Entry(ALICE, TransactionKind.TOPUP, 100, "topup:1", "Top-up"))
        before = asyncio.all_tasks()
        limits = LedgerLimits(wait_s=0.2, retry_s=60)
        async with pool.connection() as blocker, blocker.transaction():
            await blocker.execute('SELECT FROM "LiteLLM_StripeBalanceTable" FOR UPDATE')
            async with asyncio.timeout(10):
                async with Ledger(pool, owner="left", limits=limits) as left:
                    with pytest.raises(LedgerUnavailable):
                        await left.hold(HoldRequest("call", ALICE, 10, 0, 60))
        assert asyncio.all_tasks() <= before


async def until_released(ledger: Ledger, key: str) -> None:
    async with asyncio.timeout(15):
        while not await is_released(ledger, key):  # noqa: ASYNC110 - in Postgres
            await asyncio.sleep(0.01)


async def is_released(ledger: Ledger, key: str) -> bool:
    try:
        return (await ledger.hold_of(key)).status is HoldStatus.RELEASED
    except NotFound:  # it is still being decided
        return False


async def until_requested(pool: Pool) -> None:
    """Until somebody waits for one of the pool's connections."""
    async with asyncio.timeout(15):
        while not pool.get_stats().get("requests_waiting"):  # noqa: ASYNC110 - the pool has no event for it
            await asyncio.sleep(0.01)
