"""BILLING_STRICT: no settlement takes a balance below zero, and what is missing is written down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from billing.database import Pool, open_pool
from billing.errors import InsufficientCredits, NotFound
from billing.ledger import Ledger
from billing.ledger.no_overdraft import NoOverdraftLedger
from billing.ledger.schemas import (
    Entry,
    HoldRequest,
    Payer,
    Settlement,
    Transaction,
    TransactionKind,
    TransactionQuery,
)
from tests.postgres_server import until_waiting

ALICE = Payer("user_id", "alice")
TOPUP = Entry(ALICE, TransactionKind.TOPUP, 100, "topup:1", "Top-up", stripe_object_id="cs_1")


@pytest.fixture
async def no_overdraft(pool: Pool) -> AsyncIterator[NoOverdraftLedger]:
    async with NoOverdraftLedger(pool, owner="test") as ledger:
        await ledger.post(TOPUP)
        yield ledger


def hold(key: str, amount_nanos: int) -> HoldRequest:
    return HoldRequest(key, ALICE, amount_nanos, 1, 60)


def cost(key: str, amount_nanos: int) -> Settlement:
    return Settlement(key, amount_nanos, "finished", "demo", payer=ALICE)


async def balance(ledger: NoOverdraftLedger) -> int:
    return (await ledger.account(ALICE)).balance_nanos


class TestSettle:
    async def test_within_the_hold_is_as_ever(self, no_overdraft: NoOverdraftLedger) -> None:
        await no_overdraft.hold(hold("a", 60))
        resolution = await no_overdraft.settle(cost("a", 60))
        assert resolution.charged_nanos == 60
        [charge] = await no_overdraft.transactions(ALICE, TransactionQuery(kind=TransactionKind.CHARGE))
        assert "uncollected_nanos" not in charge.detail

    async def test_above_the_hold_takes_what_is_available(self, no_overdraft: NoOverdraftLedger) -> None:
        await no_overdraft.hold(hold("a", 10))
        assert (await no_overdraft.settle(cost("a", 90))).charged_nanos == 90

    async def test_above_the_balance_leaves_what_others_hold(self, no_overdraft: NoOverdraftLedger) -> None:
        await no_overdraft.hold(hold("a", 10))
        await no_overdraft.hold(hold("b", 50))
        assert (await no_overdraft.settle(cost("a", 300))).charged_nanos == 50
        [charge] = await no_overdraft.transactions(ALICE, TransactionQuery(kind=TransactionKind.CHARGE))
        assert charge.detail["uncollected_nanos"] == 250
        assert (await no_overdraft.settle(cost("b", 300))).charged_nanos == 50
        assert await balance(no_overdraft) == 0
        assert await no_overdraft.verify() == []

    async def test_of_many_at_once_never_overdraws(self, no_overdraft: NoOverdraftLedger) -> None:
        keys = [f"k{number}" for number in range(20)]
        await asyncio.gather(*(no_overdraft.hold(hold(key, 5)) for key in keys))
        await asyncio.gather(*(no_overdraft.settle(cost(key, 40)) for key in keys))
        assert await balance(no_overdraft) == 0
        assert await no_overdraft.verify() == []

    async def test_that_comes_late_takes_what_is_left(self, no_overdraft: NoOverdraftLedger) -> None:
        await no_overdraft.hold(hold("a", 10))
        await no_overdraft.release("a", "failed")
        assert (await no_overdraft.settle(cost("a", 300))).charged_nanos == 100
        assert await balance(no_overdraft) == 0

    async def test_of_a_call_without_a_hold_takes_what_is_left(self, no_overdraft: NoOverdraftLedger) -> None:
        assert (await no_overdraft.settle(cost("a", 300))).charged_nanos == 100

    async def test_of_a_call_without_hold_and_payer_is_not_found(
        self, no_overdraft: NoOverdraftLedger
    ) -> None:
        with pytest.raises(NotFound):
            await no_overdraft.settle(Settlement("a", 300, "finished", "demo"))

    async def test_of_a_call_that_ends_meanwhile_takes_what_is_left(
        self, no_overdraft: NoOverdraftLedger, pool: Pool
    ) -> None:
        await no_overdraft.hold(hold("a", 10))
        async with pool.connection() as other, other.transaction():
            await other.execute('SELECT FROM "LiteLLM_StripeBalanceTable" FOR UPDATE')
            settling = asyncio.ensure_future(no_overdraft.settle(cost("a", 300)))
            await until_waiting(pool)
            await other.execute("SELECT end_one_v1('a', 'release', 0, 'failed', '-', FALSE, '{}')")
        assert (await settling).charged_nanos == 100
        assert await balance(no_overdraft) == 0
        assert await no_overdraft.verify() == []

    async def test_takes_its_hold_where_another_call_took_the_rest_meanwhile(
        self, pool: Pool, database_url: str
    ) -> None:
        """After it was told what is available, and before it takes that: both need the one connection."""
        narrow = await open_pool(database_url, max_size=1)
        async with (
            NoOverdraftLedger(narrow, owner="test") as no_overdraft,
            Ledger(pool, owner="other") as other,
        ):
            await other.post(TOPUP)
            await no_overdraft.hold(hold("a", 10))
            async with pool.connection() as blocker, blocker.transaction():
                await blocker.execute('SELECT FROM "LiteLLM_StripeBalanceTable" FOR UPDATE')
                settling = asyncio.ensure_future(no_overdraft.settle(cost("a", 300)))
                await until_waiting(pool)
                between = asyncio.ensure_future(narrow.getconn())
                await asyncio.sleep(0)  # it is next in the pool's queue
            taken = await between
            await other.hold(hold("b", 90))
            await narrow.putconn(taken)
            assert (await settling).charged_nanos == 10
            assert (await other.account(ALICE)).available_nanos == 0
        await narrow.close()


class TestFurtherCharge:
    def entry(self, amount_nanos: int) -> Entry:
        return Entry(ALICE, TransactionKind.CHARGE, -amount_nanos, "charge:a:2", "demo")

    async def test_takes_what_is_available(self, no_overdraft: NoOverdraftLedger) -> None:
        await no_overdraft.post(self.entry(300))
        assert await balance(no_overdraft) == 0

    async def test_of_nothing_is_refused(self, no_overdraft: NoOverdraftLedger) -> None:
        await no_overdraft.hold(hold("a", 100))
        with pytest.raises(InsufficientCredits):
            await no_overdraft.post(self.entry(1))


class TestSeveralAtOnce:
    """What is available is read and taken in one transaction: no two charges take the same money."""

    async def test_further_charges_take_no_more_than_is_there(self, no_overdraft: NoOverdraftLedger) -> None:
        await no_overdraft.hold(hold("others", 90))
        entries = [
            Entry(ALICE, TransactionKind.CHARGE, -8, f"charge:a:{number}", "demo") for number in range(6)
        ]
        answers = await asyncio.gather(*map(no_overdraft.post, entries), return_exceptions=True)
        taken = sorted(-answer.amount_nanos for answer in answers if isinstance(answer, Transaction))
        assert taken == [2, 8]
        assert sum(isinstance(answer, InsufficientCredits) for answer in answers) == 4
        assert await balance(no_overdraft) == 90

    async def test_late_costs_take_no_more_than_is_there(self, no_overdraft: NoOverdraftLedger) -> None:
        await no_overdraft.hold(hold("others", 90))
        keys = [f"late{number}" for number in range(6)]
        answers = await asyncio.gather(*(no_overdraft.settle(cost(key, 8)) for key in keys))
        assert sorted(answer.charged_nanos or 0 for answer in answers) == [0, 0, 0, 0, 2, 8]
        assert await balance(no_overdraft) == 90
        assert await no_overdraft.verify() == []

    async def test_a_late_cost_replaces_its_estimate_and_takes_the_rest(
        self, no_overdraft: NoOverdraftLedger
    ) -> None:
        await no_overdraft.hold(hold("a", 30))
        await no_overdraft.settle(replace(cost("a", 30), estimate=True))
        await no_overdraft.hold(hold("others", 60))
        resolution = await no_overdraft.settle(cost("a", 300))
        assert (resolution.charged_nanos, await balance(no_overdraft)) == (40, 60)
        assert await no_overdraft.verify() == []
