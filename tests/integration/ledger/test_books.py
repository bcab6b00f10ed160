"""The books: what the database refuses whatever code asks, and that the proof finds every altered row."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from billing.database import Pool, open_pool
from billing.ledger import Ledger
from billing.ledger.schemas import Entry, HoldRequest, Payer, Settlement, TransactionKind, TransactionQuery
from tests.postgres_server import database_of

ALICE = Payer("user_id", "alice")
HOLD = HoldRequest("k", ALICE, 60, 5, 60)


@pytest.fixture
async def funded(ledger: Ledger) -> Ledger:
    await ledger.post(Entry(ALICE, TransactionKind.TOPUP, 100, "topup:1", "Top-up"))
    return ledger


class TestTheDatabaseRefuses:
    @pytest.mark.parametrize(
        "statement",
        [
            'UPDATE "LiteLLM_StripeTransactionTable" SET amount = 1',
            'DELETE FROM "LiteLLM_StripeTransactionTable"',
            'TRUNCATE "LiteLLM_StripeTransactionTable"',
            'UPDATE "LiteLLM_StripeBalanceTable" SET held = 101',
            'UPDATE "LiteLLM_StripeBalanceTable" SET held = -1',
            'UPDATE "LiteLLM_StripeHoldTable" SET amount = 0',
            'UPDATE "LiteLLM_StripeHoldTable" SET fallback_charge = 61',
            "UPDATE \"LiteLLM_StripeHoldTable\" SET status = 'settled'",
            "UPDATE \"LiteLLM_StripeHoldTable\" SET status = 'gone'",
            'DELETE FROM "LiteLLM_StripeBalanceTable"',
        ],
    )
    async def test_whatever_code_asks(self, funded: Ledger, pool: Pool, statement: str) -> None:
        await funded.hold(HOLD)
        async with pool.connection() as connection:
            with pytest.raises(psycopg.errors.IntegrityError):
                await connection.execute(statement.encode())

    async def test_but_lets_the_balance_fall_below_what_is_held(self, funded: Ledger) -> None:
        await funded.hold(HOLD)
        await funded.post(Entry(ALICE, TransactionKind.REFUND, -90, "refund:re_1", "Refund"))
        account = await funded.account(ALICE)
        assert (account.balance_nanos, account.held_nanos, account.available_nanos) == (10, 60, -50)
        await funded.resize("k", 50)


class TestTimes:
    @pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/Los_Angeles"])
    async def test_are_moments_whatever_the_databases_time_zone(
        self, zone: str, database_url: str, pool: Pool
    ) -> None:
        async with pool.connection() as connection:
            name = database_of(database_url)
            await connection.execute(f"ALTER DATABASE {name} SET timezone = '{zone}'".encode())
        elsewhere = await open_pool(database_url, wait_s=10.0)
        async with Ledger(elsewhere, owner="test") as ledger:
            posted = await ledger.post(Entry(ALICE, TransactionKind.TOPUP, 100, "topup:1", "Top-up"))
            held = await ledger.hold(HOLD)
            now = datetime.now(UTC)
            assert abs(now - posted.created_at) < timedelta(minutes=1)
            assert abs(now + timedelta(seconds=HOLD.lease_s) - held.lease_expires_at) < timedelta(minutes=1)
            since = TransactionQuery(since=now - timedelta(minutes=1), until=now + timedelta(minutes=1))
            assert await ledger.transactions(ALICE, since) == [posted]
        await elsewhere.close()


class TestTheProof:
    @pytest.mark.parametrize(
        ("rule", "alteration"),
        [
            ("balance_is_sum_of_entries", 'UPDATE "LiteLLM_StripeBalanceTable" SET balance = balance + 1'),
            ("held_is_sum_of_open_holds", 'UPDATE "LiteLLM_StripeBalanceTable" SET held = held - 1'),
            ("total_topups_is_sum_of_topups", 'UPDATE "LiteLLM_StripeBalanceTable" SET total_topups = 1'),
            ("total_spent_is_sum_of_charges", 'UPDATE "LiteLLM_StripeBalanceTable" SET total_spent = 1'),
            ("open_holds_are_listed", 'DELETE FROM "LiteLLM_StripeOpenHoldTable"'),
            (
                "open_holds_are_listed",
                "INSERT INTO \"LiteLLM_StripeOpenHoldTable\" (keys) VALUES (ARRAY['k'])",
            ),
            ("charge_of_a_call_is_in_the_books", 'UPDATE "LiteLLM_StripeHoldTable" SET charged = 8'),
            (
                "entries_form_a_chain",
                'ALTER TABLE "LiteLLM_StripeTransactionTable" DISABLE TRIGGER append_only;'
                'UPDATE "LiteLLM_StripeTransactionTable" SET balance_after = 1 WHERE amount < 0',
            ),
        ],
    )
    async def test_finds_every_altered_row(
        self, funded: Ledger, pool: Pool, rule: str, alteration: str
    ) -> None:
        await funded.hold(HOLD)
        await funded.hold(dataclasses.replace(HOLD, key="ended", amount_nanos=10))
        await funded.settle(Settlement("ended", 7, "finished", "demo"))
        assert await funded.verify() == []
        where = " WHERE key = 'ended'" if "charged" in alteration else ""
        async with pool.connection() as connection:
            await connection.execute((alteration + where).encode())
        assert [found.rule for found in await funded.verify()] == [rule]
