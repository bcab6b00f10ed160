"""Lock first, in the order of the accounts' ids, and then look: without luck or load, one lock at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from billing.database import Connection, Pool
from billing.errors import InsufficientCredits
from billing.ledger import Ledger
from billing.ledger.schemas import Entry, HoldRequest, HoldStatus, Payer, TransactionKind
from tests.postgres_server import until_waiting

# Zoe's account is the older one, so it comes first, wherever a list or the alphabet has Amy first.
ZOE, AMY = Payer("user_id", "zoe"), Payer("user_id", "amy")
TWO_HOLDS = "ARRAY['new-amy', 'new-zoe']"
TWO_PAYERS = "ARRAY['user_id', 'user_id'], ARRAY['amy', 'zoe']"
AMOUNTS = "ARRAY[10, 10]::bigint[], ARRAY[0, 0]::bigint[], ARRAY[60, 60], ARRAY['{}', '{}']"
TWO_OPEN = "ARRAY['amys', 'zoes']"
ENDINGS = (
    "ARRAY['settle', 'settle'], ARRAY[1, 1]::bigint[], ARRAY['end', 'end'], ARRAY['-', '-'],"
    " ARRAY[false, false], ARRAY['{}', '{}']"
)
FIFTIES = "ARRAY[50, 50]::bigint[], ARRAY[0, 0]::bigint[], ARRAY[60, 60], ARRAY['{}', '{}']"
EXPIRY = "ARRAY['expire'], ARRAY[0]::bigint[], ARRAY['no_event'], ARRAY['-'], ARRAY[true], ARRAY['{}']"
NONE = ", ".join(["'{}'"] * 8)
NO_HOLDS = ", ".join(["'{}'"] * 6)
STATEMENTS = {
    "exchange of holds": f"exchange_v1({NONE}, {TWO_HOLDS}, ARRAY[1, 2], {AMOUNTS}, 'me', {TWO_PAYERS})",
    "exchange of endings": f"exchange_v1({TWO_OPEN}, ARRAY[1, 2], {ENDINGS}, {NO_HOLDS}, 'me', {TWO_PAYERS})",
    "batch of holds": f"hold_batch_v2({TWO_HOLDS}, {TWO_PAYERS}, {AMOUNTS}, 'me')",
    "batch of endings": f"resolve_batch_v2({TWO_OPEN}, {ENDINGS})",
    "one ending": "end_one_v1('zoes', 'settle', 1, 'end', '-', false, '{}')",
}


EXPIRIES = (
    f"resolve_batch_v2(ARRAY['zoes'], {EXPIRY})",
    f"exchange_v1(ARRAY['zoes'], ARRAY[1], {EXPIRY}, {NO_HOLDS}, 'me', ARRAY['user_id'], ARRAY['zoe'])",
    "end_one_v1('zoes', 'expire', 0, 'no_event', '-', true, '{}')",
)


@pytest.fixture
async def accounts(ledger: Ledger, pool: Pool) -> None:
    for payer in (ZOE, AMY):
        await ledger.post(Entry(payer, TransactionKind.TOPUP, 100, f"topup:{payer.customer_id}", "Top-up"))
        await ledger.hold(HoldRequest(f"{payer.customer_id}s", payer, 10, 0, 60))


async def lock_zoe(connection: Connection) -> None:
    await connection.execute(
        "SELECT 1 FROM \"LiteLLM_StripeBalanceTable\" WHERE customer_id = 'zoe' FOR UPDATE"
    )


@pytest.mark.parametrize("name", STATEMENTS)
async def test_while_the_first_account_is_anothers_no_other_row_is_locked(
    accounts: None, pool: Pool, name: str
) -> None:
    async with pool.connection() as blocker, pool.connection() as connection, pool.connection() as observer:
        async with blocker.transaction():
            await lock_zoe(blocker)
            statement = f"SELECT FROM {STATEMENTS[name]}"
            waiting = asyncio.ensure_future(connection.execute(statement.encode()))
            await until_waiting(pool)
            async with observer.transaction():
                await observer.execute(
                    "SELECT 1 FROM \"LiteLLM_StripeBalanceTable\" WHERE customer_id = 'amy' FOR UPDATE NOWAIT"
                )
                await observer.execute('SELECT 1 FROM "LiteLLM_StripeHoldTable" FOR UPDATE NOWAIT')
        await waiting


class TestAfterTheWait:
    """90 were free when it was asked; while it waits, another takes 60 of them."""

    @pytest.fixture
    async def blocker(self, accounts: None, pool: Pool) -> AsyncIterator[Connection]:
        """Has Zoe's account, until its transaction is committed."""
        async with pool.connection() as connection:
            await connection.execute("BEGIN")
            await lock_zoe(connection)
            yield connection

    async def take_60(self, pool: Pool, blocker: Connection) -> None:
        await until_waiting(pool)
        await blocker.execute(
            "UPDATE \"LiteLLM_StripeBalanceTable\" SET held = held + 60 WHERE customer_id = 'zoe'"
        )
        await blocker.execute("UPDATE \"LiteLLM_StripeHoldTable\" SET amount = 70 WHERE key = 'zoes'")
        await blocker.execute("COMMIT")

    @pytest.mark.parametrize("company", [[], [HoldRequest("amy-too", AMY, 10, 0, 60)]])
    async def test_a_hold_is_decided_on_what_is_left(
        self, ledger: Ledger, pool: Pool, blocker: Connection, company: list[HoldRequest]
    ) -> None:
        requests = [HoldRequest("late", ZOE, 50, 0, 60), *company]
        asked = [asyncio.ensure_future(ledger.hold(request)) for request in requests]
        await self.take_60(pool, blocker)
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert isinstance(answers[0], InsufficientCredits)
        assert answers[0].available_nanos == 30
        assert await ledger.verify() == []

    async def test_so_is_a_batch_with_a_known_key(
        self, ledger: Ledger, pool: Pool, blocker: Connection
    ) -> None:
        statement = f"SELECT verdict FROM hold_batch_v2({TWO_HOLDS}, {TWO_PAYERS}, {FIFTIES}, 'me')"
        async with pool.connection() as connection:
            asked = asyncio.ensure_future(connection.execute(statement.encode()))
            await self.take_60(pool, blocker)
            verdicts = [row[0] for row in await (await asked).fetchall()]
        assert verdicts == ["admitted", "refused"]

    async def test_so_is_a_larger_hold(self, ledger: Ledger, pool: Pool, blocker: Connection) -> None:
        asked = asyncio.ensure_future(ledger.resize("zoes", 101))
        await self.take_60(pool, blocker)
        with pytest.raises(InsufficientCredits) as caught:
            await asked
        assert caught.value.available_nanos == 100

    async def test_a_lease_that_was_renewed_meanwhile_does_not_expire(
        self, ledger: Ledger, pool: Pool, accounts: None
    ) -> None:
        """By the general function: the holds are another process's."""
        async with pool.connection() as connection:
            await connection.execute('UPDATE "LiteLLM_StripeHoldTable" SET lease_expires_at = now()')
            async with connection.transaction():
                await connection.execute(
                    "UPDATE \"LiteLLM_StripeHoldTable\" SET lease_expires_at = now() + interval '60 s'"
                )
                asked = [asyncio.ensure_future(self.expire(pool, expire)) for expire in EXPIRIES]
                await until_waiting(pool, len(EXPIRIES))
            await asyncio.gather(*asked)
        assert (await ledger.hold_of("zoes")).status is HoldStatus.OPEN

    async def expire(self, pool: Pool, statement: str) -> None:
        async with pool.connection() as connection:
            await connection.execute(f"SELECT FROM {statement}".encode())
