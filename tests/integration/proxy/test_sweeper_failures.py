"""What goes wrong with one hold, or with LiteLLM's spend logs, keeps no other hold open."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import psycopg
import pytest

from billing.database import Pool, open_pool
from billing.errors import Unavailable
from billing.ledger import Ledger
from billing.ledger.schemas import Entry, HoldRequest, HoldStatus, Json, Payer, TransactionKind
from billing.metrics.instruments import SWEPT
from billing.proxy.calls.sweeper import Sweeper
from tests.deadline import eventually
from tests.integration.proxy.test_sweeper_prices import KEY_HASH, SPEND_LOGS, UNIT, logged

ADA = Payer("user_id", "ada")
# The table's own rows, of which reading one takes a minute.
SLOW_FOR_ONE = b"""CREATE VIEW public."LiteLLM_SpendLogs" AS SELECT * FROM public.logs
  WHERE CASE WHEN metadata -> 'spend_logs_metadata' ->> 'billing_call_id' = '%s'
  THEN pg_sleep(60)::text = '' ELSE true END"""
NO_RULE: Json = {"model": "chat", "key_hash": KEY_HASH, "rule": {"multiplier": None}, "rules": "none"}


async def due(ledger: Ledger, database_url: str, *details: Json) -> list[str]:
    """Calls with 1 held, whose leases ran out in this order."""
    await ledger.post(Entry(ADA, TransactionKind.CREDIT, 10 * UNIT, f"credit:{uuid4().hex}", "test"))
    keys = []
    for detail in details:
        keys.append(f"call_{uuid4().hex}")
        await ledger.hold(HoldRequest(keys[-1], ADA, UNIT, UNIT // 2, 1, detail))
    over = 'SELECT bool_and(lease_expires_at < now()) FROM billing."LiteLLM_StripeHoldTable"'
    with psycopg.connect(database_url, autocommit=True) as connection:
        eventually(lambda: connection.execute(over).fetchone() == (True,))
    return keys


async def run(pool: Pool, statement: bytes) -> None:
    async with pool.connection() as connection:
        await connection.execute(statement)


async def statuses(ledger: Ledger, keys: list[str]) -> list[HoldStatus]:
    return [(await ledger.hold_of(key)).status for key in keys]


def swept(outcome: str) -> float:
    return float(SWEPT.labels(outcome)._value.get())


@pytest.fixture
def failed_before() -> float:
    return swept("failed")


PLAIN: Json = {"model": "chat", "key_hash": KEY_HASH}


@pytest.fixture
async def impatient(database_url: str) -> AsyncIterator[Pool]:
    """Connections whose statements end after four tenths of a second."""
    pool = await open_pool(database_url, wait_s=0.2)
    yield pool
    await pool.close()


class TestAHoldThatCannotBeEnded:
    async def test_because_of_an_amount_beyond_the_books_keeps_nothing_behind_it(
        self, ledger: Ledger, pool: Pool, database_url: str, failed_before: float
    ) -> None:
        await run(pool, SPEND_LOGS)
        keys = await due(ledger, database_url, PLAIN, PLAIN)
        await logged(pool, keys[0], "1e300", "chat", "d1")
        assert await Sweeper(ledger, pool).sweep() == 2
        assert await statuses(ledger, keys) == [HoldStatus.OPEN, HoldStatus.EXPIRED]
        assert swept("failed") == failed_before + 1

    async def test_because_of_its_own_detail_keeps_nothing_behind_it(
        self, ledger: Ledger, pool: Pool, database_url: str, failed_before: float
    ) -> None:
        await run(pool, SPEND_LOGS)
        keys = await due(ledger, database_url, NO_RULE, PLAIN)
        assert await Sweeper(ledger, pool).sweep() == 2
        assert await statuses(ledger, keys) == [HoldStatus.OPEN, HoldStatus.EXPIRED]
        assert swept("failed") == failed_before + 1

    async def test_because_the_log_is_too_slow_for_it_keeps_nothing_behind_it(
        self, ledger: Ledger, pool: Pool, impatient: Pool, database_url: str, failed_before: float
    ) -> None:
        keys = await due(ledger, database_url, PLAIN, PLAIN)
        await run(pool, SPEND_LOGS)
        for key in keys:
            await logged(pool, key, "0.25", "chat", "d1")
        await run(pool, b'ALTER TABLE public."LiteLLM_SpendLogs" RENAME TO logs')
        await run(pool, SLOW_FOR_ONE % keys[0].encode())
        assert await Sweeper(ledger, impatient).sweep() == 2
        assert await statuses(ledger, keys) == [HoldStatus.OPEN, HoldStatus.SETTLED]
        assert swept("failed") == failed_before + 1


class TestSpendLogsThatCannotBeRead:
    async def test_because_there_are_none_leave_the_rule_for_no_event(
        self, ledger: Ledger, pool: Pool, database_url: str
    ) -> None:
        keys = await due(ledger, database_url, PLAIN, PLAIN)
        assert await Sweeper(ledger, pool).sweep() == 2
        assert await statuses(ledger, keys) == [HoldStatus.EXPIRED] * 2
        assert (await ledger.account(ADA)).balance_nanos == 10 * UNIT - 2 * (UNIT // 2)
        assert not await Sweeper(ledger, pool).recover(keys[0])

    async def test_by_our_role_leave_the_rule_for_no_event(
        self, ledger: Ledger, pool: Pool, database_url: str
    ) -> None:
        await run(pool, SPEND_LOGS)
        keys = await due(ledger, database_url, PLAIN)
        role = f"reader_{uuid4().hex}"
        await run(pool, f"CREATE ROLE {role}".encode())
        joined = "&" if "?" in database_url else "?"
        other = await open_pool(f"{database_url}{joined}options=-c%20role%3D{role}")
        assert await Sweeper(ledger, other).sweep() == 1
        await other.close()
        await run(pool, f"DROP ROLE {role}".encode())
        assert await statuses(ledger, keys) == [HoldStatus.EXPIRED]

    async def test_because_postgres_is_away_leave_every_hold_for_later(
        self, ledger: Ledger, pool: Pool, database_url: str, failed_before: float
    ) -> None:
        keys = await due(ledger, database_url, PLAIN)
        gone = await open_pool(database_url)
        await gone.close()
        with pytest.raises(Unavailable):
            await Sweeper(ledger, gone).sweep()
        assert await statuses(ledger, keys) == [HoldStatus.OPEN]
        assert swept("failed") == failed_before
