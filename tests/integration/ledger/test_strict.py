"""BILLING_STRICT: no settlement takes a balance below zero, and what is missing is written down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from billing.database import Pool
from billing.errors import InsufficientCredits
from billing.ledger.schemas import Entry, HoldRequest, Payer, Settlement, TransactionKind, TransactionQuery
from billing.ledger.strict import StrictLedger

ALICE = Payer("user_id", "alice")
TOPUP = Entry(ALICE, TransactionKind.TOPUP, 100, "topup:1", "Top-up", stripe_object_id="cs_1")


@pytest.fixture
async def strict(pool: Pool) -> AsyncIterator[StrictLedger]:
    async with StrictLedger(pool, owner="test") as ledger:
        await ledger.post(TOPUP)
        yield ledger


def hold(key: str, amount_nanos: int) -> HoldRequest:
    return HoldRequest(key, ALICE, amount_nanos, 1, 60)


def cost(key: str, amount_nanos: int) -> Settlement:
    return Settlement(key, amount_nanos, "finished", "demo", payer=ALICE)


async def balance(ledger: StrictLedger) -> int:
    return (await ledger.account(ALICE)).balance_nanos


class TestSettle:
    async def test_within_the_hold_is_as_ever(self, strict: StrictLedger) -> None:
        await strict.hold(hold("a", 60))
        resolution = await strict.settle(cost("a", 60))
        assert resolution.charged_nanos == 60
        [charge] = await strict.transactions(ALICE, TransactionQuery(kind=TransactionKind.CHARGE))
        assert "uncollected_nanos" not in charge.detail

    async def test_above_the_hold_takes_what_is_available(self, strict: StrictLedger) -> None:
        await strict.hold(hold("a", 10))
        assert (await strict.settle(cost("a", 90))).charged_nanos == 90

    async def test_above_the_balance_leaves_what_others_hold(self, strict: StrictLedger) -> None:
        await strict.hold(hold("a", 10))
        await strict.hold(hold("b", 50))
        assert (await strict.settle(cost("a", 300))).charged_nanos == 50
        [charge] = await strict.transactions(ALICE, TransactionQuery(kind=TransactionKind.CHARGE))
        assert charge.detail["uncollected_nanos"] == 250
        assert (await strict.settle(cost("b", 300))).charged_nanos == 50
        assert await balance(strict) == 0
        assert await strict.prove() == []

    async def test_of_many_at_once_never_overdraws(self, strict: StrictLedger) -> None:
        keys = [f"k{number}" for number in range(20)]
        await asyncio.gather(*(strict.hold(hold(key, 5)) for key in keys))
        await asyncio.gather(*(strict.settle(cost(key, 40)) for key in keys))
        assert await balance(strict) == 0
        assert await strict.prove() == []

    async def test_that_comes_late_takes_what_is_left(self, strict: StrictLedger) -> None:
        await strict.hold(hold("a", 10))
        await strict.release("a", "failed")
        assert (await strict.settle(cost("a", 300))).charged_nanos == 100
        assert await balance(strict) == 0

    async def test_of_a_call_without_a_hold_takes_what_is_left(self, strict: StrictLedger) -> None:
        assert (await strict.settle(cost("a", 300))).charged_nanos == 100


class TestFurtherCharge:
    def entry(self, amount_nanos: int) -> Entry:
        return Entry(ALICE, TransactionKind.CHARGE, -amount_nanos, "charge:a:2", "demo")

    async def test_takes_what_is_available(self, strict: StrictLedger) -> None:
        await strict.post(self.entry(300))
        assert await balance(strict) == 0

    async def test_of_nothing_is_refused(self, strict: StrictLedger) -> None:
        await strict.hold(hold("a", 100))
        with pytest.raises(InsufficientCredits):
            await strict.post(self.entry(1))
