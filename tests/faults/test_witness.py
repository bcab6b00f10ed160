"""The witness sees what the product's guards would have stopped."""

from __future__ import annotations

from billing.database import Pool
from billing.ledger import Ledger
from billing.ledger.schemas import Entry, HoldRequest, Payer, TransactionKind
from tests.faults import witness

ALICE = Payer("user_id", "alice")


async def test_a_hold_beyond_the_balance_does_not_escape_the_witness(ledger: Ledger, pool: Pool) -> None:
    await witness.install(pool)
    await ledger.post(Entry(ALICE, TransactionKind.TOPUP, 100, "topup:1", "Top-up"))
    await ledger.hold(HoldRequest("fits", ALICE, 100, 0, 60))
    assert await witness.testimony(pool) == (1, [])
    async with pool.connection() as connection, connection.transaction():
        await connection.execute(
            'ALTER TABLE "LiteLLM_StripeBalanceTable" DISABLE TRIGGER held_within_balance'
        )
        await connection.execute('UPDATE "LiteLLM_StripeBalanceTable" SET held = 150')
        await connection.execute("UPDATE \"LiteLLM_StripeHoldTable\" SET amount = 150 WHERE key = 'fits'")
    assert await witness.testimony(pool) == (2, ["fits: 150 held of 100"])
