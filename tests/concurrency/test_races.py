"""Operations that race within and across ledgers: each call ends once, nothing deadlocks, the books agree."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from billing.database import Pool
from billing.errors import InsufficientCredits, InvalidAmount, LedgerUnavailable
from billing.ledger import Ledger
from billing.ledger.schemas import (
    Entry,
    Hold,
    HoldRequest,
    HoldStatus,
    LedgerLimits,
    Payer,
    Resolution,
    Settlement,
    TransactionKind,
)
from billing.money import NANOS_MAX

ALICE = Payer("user_id", "alice")


async def top_up(ledger: Ledger, payer: Payer, amount_nanos: int, key: str) -> None:
    await ledger.post(Entry(payer, TransactionKind.TOPUP, amount_nanos, key, "Top-up"))


@pytest.fixture
async def replicas(pool: Pool) -> AsyncIterator[list[Ledger]]:
    """Four ledgers with connections of their own, as four gateways have."""
    limits = LedgerLimits(batch_max=32, wait_s=30)
    ledgers = [Ledger(pool, owner=f"replica-{number}", limits=limits) for number in range(4)]
    yield ledgers
    for ledger in ledgers:
        await ledger.close()


async def deadlocks(pool: Pool) -> int:
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        )
        row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def test_a_hold_that_does_not_fit_stops_none_of_the_smaller_ones_behind_it(ledger: Ledger) -> None:
    await top_up(ledger, ALICE, 100, "topup:1")
    amounts = [60, 90, 30, 20, 10, 1]
    answers = await asyncio.gather(
        *(ledger.hold(HoldRequest(f"k{n}", ALICE, amount, 0, 60)) for n, amount in enumerate(amounts)),
        return_exceptions=True,
    )
    admitted = [amount for amount, answer in zip(amounts, answers, strict=True) if isinstance(answer, Hold)]
    assert admitted == [60, 30, 10]
    refused = [answer for answer in answers if isinstance(answer, InsufficientCredits)]
    assert [error.available_nanos for error in refused] == [40, 10, 0]


@pytest.mark.timeout(240)
async def test_1000_racing_batches_over_overlapping_accounts_do_not_deadlock(
    pool: Pool, ledger: Ledger, replicas: list[Ledger]
) -> None:
    payers = [Payer("user_id", f"u{number}") for number in range(12)]
    for payer in payers:
        await top_up(ledger, payer, 10**6, f"topup:{payer.customer_id}")
    chance = random.Random(7)

    async def batches(replica: Ledger, name: str) -> None:
        """Each round is one batch of holds and one of endings, over accounts in random order."""
        for turn in range(125):
            some = chance.sample(payers, 6)
            keys = [f"{name}-{turn}-{number}" for number in range(6)]
            await asyncio.gather(
                *(
                    replica.hold(HoldRequest(key, payer, 10, 1, 60))
                    for key, payer in zip(keys, some, strict=True)
                )
            )
            chance.shuffle(keys)
            await asyncio.gather(
                replica.renew(keys, 60),
                *(replica.settle(Settlement(key, 3, "finished", "call")) for key in keys),
            )

    await asyncio.gather(*(batches(replica, f"r{number}") for number, replica in enumerate(replicas)))
    spent = sum([(await ledger.account(payer)).total_spent_nanos for payer in payers])
    assert spent == 4 * 125 * 6 * 3
    assert await deadlocks(pool) == 0
    assert await ledger.verify() == []


class TestOneCallManyEndings:
    async def race(self, pool: Pool, replicas: list[Ledger], turn: int) -> list[Resolution]:
        key = f"call-{turn}"
        await replicas[0].hold(HoldRequest(key, ALICE, 50, 5, 60))
        async with pool.connection() as connection:
            await connection.execute(
                'UPDATE "LiteLLM_StripeHoldTable" SET lease_expires_at = now() WHERE key = %s', (key,)
            )
        return list(
            await asyncio.gather(
                replicas[0].settle(Settlement(key, 40, "finished", "call")),
                replicas[1].settle(Settlement(key, 40, "finished", "call")),
                replicas[1].expire(key, 5, "nothing was heard"),
                replicas[2].expire(key, 5, "nothing was heard"),
                replicas[3].release(key, "failed"),
                replicas[3].settle(Settlement(key, 9, "cut", "call", estimate=True)),
            )
        )

    async def test_end_it_once_and_the_real_cost_is_charged_once(
        self, pool: Pool, replicas: list[Ledger]
    ) -> None:
        await top_up(replicas[0], ALICE, 10**6, "topup:1")
        for turn in range(15):
            answers = await self.race(pool, replicas, turn)
            final = await replicas[0].hold_of(f"call-{turn}")
            assert final.charged_nanos == 40
            assert {answer.status for answer in answers} == {final.status}
            changed = [answer for answer in answers if answer.changed]
            assert [answer.charged_nanos for answer in changed].count(40) == 1
            assert len(changed) <= 2  # one ending, and the late real cost if another rule was first
            assert await replicas[0].verify() == []
        account = await replicas[0].account(ALICE)
        assert (account.held_nanos, account.total_spent_nanos) == (0, 15 * 40)

    async def test_two_late_costs_at_once_replace_the_estimate_once(
        self, pool: Pool, replicas: list[Ledger]
    ) -> None:
        await top_up(replicas[0], ALICE, 1000, "topup:1")
        await replicas[0].hold(HoldRequest("late", ALICE, 50, 5, 60))
        await replicas[0].settle(Settlement("late", 5, "no_event", "rule", estimate=True))
        answers = await asyncio.gather(
            *(replica.settle(Settlement("late", 33, "finished", "call")) for replica in replicas)
        )
        assert sorted(answer.changed for answer in answers) == [False, False, False, True]
        lines = [(line.kind, line.amount_nanos) for line in await replicas[0].transactions(ALICE)]
        assert lines == [("charge", -33), ("reversal", 5), ("charge", -5), ("topup", 1000)]
        assert await replicas[0].verify() == []


async def test_top_ups_during_holds_are_never_lost(replicas: list[Ledger]) -> None:
    await top_up(replicas[0], ALICE, 1, "topup:first")

    async def spend(replica: Ledger, name: str) -> int:
        spent = 0
        for number in range(40):
            key = f"{name}-{number}"
            try:
                await replica.hold(HoldRequest(key, ALICE, 10, 0, 60))
            except InsufficientCredits:
                continue
            await replica.settle(Settlement(key, 7, "finished", "call"))
            spent += 7
        return spent

    spent, _ = await asyncio.gather(
        asyncio.gather(*(spend(replica, f"r{number}") for number, replica in enumerate(replicas))),
        asyncio.gather(*(top_up(replicas[n % 4], ALICE, 5, f"topup:{n}") for n in range(60))),
    )
    account = await replicas[0].account(ALICE)
    assert account.balance_nanos == 1 + 60 * 5 - sum(spent)
    assert (account.held_nanos, account.total_topups_nanos) == (0, 301)
    assert await replicas[0].verify() == []


async def test_one_payer_seen_first_by_many_at_once_gets_one_account(replicas: list[Ledger]) -> None:
    await asyncio.gather(*(top_up(replicas[n % 4], ALICE, 1, f"topup:{n}") for n in range(20)))
    accounts = await replicas[0].accounts()
    assert [(account.payer, account.balance_nanos) for account in accounts] == [(ALICE, 20)]


async def test_the_same_entry_from_everywhere_at_once_is_posted_once(replicas: list[Ledger]) -> None:
    entry = Entry(ALICE, TransactionKind.TOPUP, 9, "topup:cs_1", "Top-up")
    answers = await asyncio.gather(*(replicas[n % 4].post(entry) for n in range(50)))
    assert len({answer.id for answer in answers}) == 1
    assert (await replicas[0].account(ALICE)).balance_nanos == 9


class TestABatchWithOneBadItem:
    async def test_fails_that_item_alone(self, ledger: Ledger) -> None:
        bob = Payer("user_id", "bob")
        for payer in (ALICE, bob):
            await top_up(ledger, payer, 100, f"topup:{payer.customer_id}")
        await asyncio.gather(
            ledger.hold(HoldRequest("first", bob, 10, 0, 60)),
            ledger.hold(HoldRequest("beyond", bob, 10, 0, 60)),
            ledger.hold(HoldRequest("other", ALICE, 10, 0, 60)),
        )
        costs = {"first": NANOS_MAX, "beyond": NANOS_MAX, "other": 7}
        answers = await asyncio.gather(
            *(ledger.settle(Settlement(key, cost, "finished", "call")) for key, cost in costs.items()),
            return_exceptions=True,
        )
        assert [type(answer) for answer in answers] == [Resolution, InvalidAmount, Resolution]
        assert (await ledger.account(ALICE)).balance_nanos == 93
        assert (await ledger.hold_of("beyond")).status is HoldStatus.OPEN
        assert await ledger.verify() == []

    async def test_an_account_that_somebody_keeps_locked_stops_no_other(
        self, pool: Pool, ledger: Ledger
    ) -> None:
        bob = Payer("user_id", "bob")
        for payer in (ALICE, bob):
            await top_up(ledger, payer, 100, f"topup:{payer.customer_id}")
        async with (
            Ledger(pool, owner="short", limits=LedgerLimits(wait_s=2.0, retry_s=0.05)) as short,
            pool.connection() as connection,
        ):
            async with connection.transaction():
                await connection.execute(
                    "SELECT 1 FROM \"LiteLLM_StripeBalanceTable\" WHERE customer_id = 'bob' FOR UPDATE"
                )
                answers = await asyncio.gather(
                    short.hold(HoldRequest("bobs", bob, 10, 0, 60)),
                    short.hold(HoldRequest("alices", ALICE, 10, 0, 60)),
                    return_exceptions=True,
                )
            assert [type(answer) for answer in answers] == [LedgerUnavailable, Hold]

    async def test_one_key_for_two_payers_at_once_is_admitted_for_one(
        self, pool: Pool, replicas: list[Ledger]
    ) -> None:
        payers = [Payer("user_id", f"p{number}") for number in range(4)]
        for payer in payers:
            await top_up(replicas[0], payer, 1000, f"topup:{payer.customer_id}")
        for turn in range(20):
            answers = await asyncio.gather(
                *(
                    replica.hold(HoldRequest(f"same-{turn}", payer, 10, 0, 60))
                    for replica, payer in zip(replicas, payers, strict=True)
                ),
                return_exceptions=True,
            )
            kinds = sorted(type(answer).__name__ for answer in answers)
            assert kinds == ["Hold", "KeyConflict", "KeyConflict", "KeyConflict"]
        assert await replicas[0].verify() == []
