"""Whose hold is released when somebody leaves: the one's who left, and nobody else's."""

from __future__ import annotations

import asyncio

from billing.database import Pool
from billing.ledger import Ledger
from billing.ledger.schemas import Entry, HoldRequest, HoldStatus, Payer, TransactionKind
from tests.postgres_server import until_waiting

ALICE = Payer("user_id", "alice")


async def test_a_repeat_that_leaves_does_not_release_the_hold_of_who_asked_first(
    ledger: Ledger, pool: Pool
) -> None:
    await ledger.post(Entry(ALICE, TransactionKind.TOPUP, 100, "topup:1", "Top-up"))
    await ledger.hold(HoldRequest("call", ALICE, 10, 0, 60))
    async with Ledger(pool, owner="another") as another:
        async with pool.connection() as blocker, blocker.transaction():
            await blocker.execute('SELECT 1 FROM "LiteLLM_StripeBalanceTable" FOR UPDATE')
            repeat = asyncio.ensure_future(another.hold(HoldRequest("call", ALICE, 10, 0, 60)))
            await until_waiting(pool)
            repeat.cancel()
        await another.hold(HoldRequest("behind it", ALICE, 10, 0, 60))
    assert (await ledger.hold_of("call")).status is HoldStatus.OPEN
    assert (await ledger.account(ALICE)).held_nanos == 20
