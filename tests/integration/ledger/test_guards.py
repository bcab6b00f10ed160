"""What the tables refuse by themselves, whatever wrote to them: each guard alone, by plain SQL."""

from __future__ import annotations

import psycopg
import pytest

from billing.database import Pool

ACCOUNT = (
    'INSERT INTO "LiteLLM_StripeBalanceTable" (id, customer_type, customer_id, currency, balance, held)'
    " VALUES ({id}, 'user_id', '{who}', 'usd', {balance}, {held})"
)
HOLD = (
    'INSERT INTO "LiteLLM_StripeHoldTable"'
    " (key, account_id, requested, amount, fallback_charge, owner, lease_expires_at)"
    " VALUES ('{key}', 1, {amount}, {amount}, 0, 'test', now())"
)
LINE = (
    'INSERT INTO "LiteLLM_StripeTransactionTable"'
    " (account_id, kind, amount, balance_after, source_key, description)"
    " VALUES (1, '{kind}', {amount}, 0, '{key}', 'test')"
)
ALICE = ACCOUNT.format(id=1, who="alice", balance=100, held=0)


async def run(pool: Pool, *statements: str) -> None:
    async with pool.connection() as connection:
        for statement in statements:
            await connection.execute(statement.encode())


@pytest.mark.parametrize(
    ("allowed", "refused"),
    [
        pytest.param(
            LINE.format(kind="topup", amount=5, key="topup:1"),
            LINE.format(kind="topup", amount=5, key="topup:1"),
            id="a second entry with one key",
        ),
        pytest.param(
            HOLD.format(key="call", amount=5),
            HOLD.format(key="call", amount=5),
            id="a second hold with one key",
        ),
        pytest.param(
            ACCOUNT.format(id=2, who="bob", balance=0, held=0),
            ACCOUNT.format(id=3, who="bob", balance=0, held=0),
            id="a second account of one customer",
        ),
        pytest.param(
            ACCOUNT.format(id=2, who="bob", balance=9, held=9),
            ACCOUNT.format(id=3, who="eve", balance=9, held=10),
            id="an account born with more held than there is",
        ),
        pytest.param(
            LINE.format(kind="charge", amount=-5, key="a"),
            LINE.format(kind="charge", amount=5, key="b"),
            id="a charge that gives",
        ),
        pytest.param(
            LINE.format(kind="topup", amount=5, key="a"),
            LINE.format(kind="topup", amount=-5, key="b"),
            id="a top-up that takes",
        ),
        pytest.param(
            HOLD.format(key="a", amount=1), HOLD.format(key="b", amount=-1), id="a hold of less than nothing"
        ),
        pytest.param(
            LINE.format(kind="topup", amount=5, key="a"),
            'SET session_replication_role = replica; DELETE FROM "LiteLLM_StripeTransactionTable"',
            id="a rewritten entry in a replication session",
        ),
    ],
)
async def test_what_no_table_takes(pool: Pool, allowed: str, refused: str) -> None:
    await run(pool, ALICE, allowed)
    with pytest.raises(psycopg.errors.IntegrityError):
        await run(pool, refused)
