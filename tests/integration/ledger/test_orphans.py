"""Whose hold is released when somebody leaves: the one's who left, and nobody else's."""

from __future__ import annotations

import asyncio

import pytest

from billing.database import Pool, open_pool
from billing.errors import LedgerUnavailable
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


async def until_released(ledger: Ledger, key: str) -> None:
    async with asyncio.timeout(15):
        while (await ledger.hold_of(key)).status is not HoldStatus.RELEASED:  # noqa: ASYNC110 - in Postgres
            await asyncio.sleep(0.01)


async def until_requested(pool: Pool) -> None:
    """Until somebody waits for one of the pool's connections."""
    async with asyncio.timeout(15):
        while not pool.get_stats().get("requests_waiting"):  # noqa: ASYNC110 - the pool has no event for it
            await asyncio.sleep(0.01)
