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


class TestEachFunctionByItself:
    """A ledger would not show what one of them decides wrongly: the trigger refuses, and another decides."""

    KEYS, PAYER = "ARRAY['a', 'b', 'c']", "ARRAY['user_id'], ARRAY['alice']"
    ASKED = (
        "ARRAY[60, 41, 40]::bigint[], ARRAY[0, 0, 0]::bigint[], ARRAY[60, 60, 60], ARRAY['{}', '{}', '{}']"
    )

    async def answer(self, pool: Pool, function: str) -> list[tuple[object, ...]]:
        await run(pool, ALICE)
        async with pool.connection() as connection:
            return list(await (await connection.execute(f"SELECT * FROM {function}".encode())).fetchall())

    async def test_the_exchange_takes_what_fits_and_no_more(self, pool: Pool) -> None:
        none = ", ".join(["'{}'"] * 8)
        function = f"exchange_v1({none}, {self.KEYS}, ARRAY[1, 1, 1], {self.ASKED}, 'me', {self.PAYER})"
        [(_, _, admitted, available, _)] = await self.answer(pool, function)
        assert (admitted, available) == ([True, False, True], [40, 40, 0])

    async def test_so_does_a_batch_of_holds(self, pool: Pool) -> None:
        payers = "ARRAY['user_id', 'user_id', 'user_id'], ARRAY['alice', 'alice', 'alice']"
        rows = await self.answer(pool, f"hold_batch_v2({self.KEYS}, {payers}, {self.ASKED}, 'me')")
        assert [row[:2] for row in rows] == [("admitted", 40), ("refused", 40), ("admitted", 0)]

    @pytest.mark.parametrize(("asked", "available"), [(100, 0), (101, None)])
    async def test_so_does_a_single_hold(self, pool: Pool, asked: int, available: int | None) -> None:
        function = f"hold_one_v1('a', 'user_id', 'alice', {asked}, 0, 60, '{{}}', 'me')"
        [row] = await self.answer(pool, function)
        assert row[0] == available

    async def test_the_exchange_refuses_no_repeat_whose_own_hold_took_the_credit(self, pool: Pool) -> None:
        await run(pool, ALICE, HOLD.format(key="a", amount=100))
        none = ", ".join(["'{}'"] * 8)
        asked = "ARRAY['a'], ARRAY[1], ARRAY[100]::bigint[], ARRAY[0]::bigint[], ARRAY[60], ARRAY['{}']"
        with pytest.raises(psycopg.errors.UniqueViolation):
            await run(
                pool,
                'UPDATE "LiteLLM_StripeBalanceTable" SET held = 100',
                f"SELECT * FROM exchange_v1({none}, {asked}, 'me', {self.PAYER})",
            )

    async def test_the_exchange_ends_a_call_once(self, pool: Pool) -> None:
        await run(pool, ALICE, HOLD.format(key="a", amount=10))
        await run(pool, 'UPDATE "LiteLLM_StripeBalanceTable" SET held = 10')
        ending = (
            "ARRAY['a'], ARRAY[1], ARRAY['settle'], ARRAY[7]::bigint[], ARRAY['end'], ARRAY['-'],"
            " ARRAY[false], ARRAY['{}']"
        )
        none = ", ".join(["'{}'"] * 6)
        function = f"exchange_v1({ending}, {none}, 'me', {self.PAYER})"
        async with pool.connection() as connection:
            ended = [
                await (await connection.execute(f"SELECT ended FROM {function}".encode())).fetchone()
                for _ in range(2)
            ]
            cursor = await connection.execute('SELECT balance, held FROM "LiteLLM_StripeBalanceTable"')
            assert await cursor.fetchone() == (93, 0)
            cursor = await connection.execute(
                'SELECT amount, balance_after, source_key FROM "LiteLLM_StripeTransactionTable"'
            )
            assert await cursor.fetchall() == [(-7, 93, "charge:a")]
        assert ended == [([True],), ([False],)]
