"""What each operation promises, one at a time."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from billing.database import Pool
from billing.errors import BadRequest, InsufficientCredits, InvalidAmount, KeyConflict, NotFound
from billing.ledger import Ledger
from billing.ledger.schemas import (
    Entry,
    Hold,
    HoldRequest,
    HoldStatus,
    LedgerLimits,
    Payer,
    Settlement,
    TransactionKind,
    TransactionQuery,
)
from billing.money import NANOS_MAX

ALICE = Payer("user_id", "alice")
TOPUP = Entry(ALICE, TransactionKind.TOPUP, 100, "topup:1", "Top-up", stripe_object_id="cs_1")
HOLD = HoldRequest("k", ALICE, 60, 5, 60, detail={"model": "demo"})


@pytest.fixture
async def funded(ledger: Ledger) -> Ledger:
    await ledger.post(TOPUP)
    return ledger


async def run_out(pool: Pool, key: str) -> None:
    async with pool.connection() as connection:
        await connection.execute(
            'UPDATE "LiteLLM_StripeHoldTable" SET lease_expires_at = now() WHERE key = %s', (key,)
        )


async def listed_keys(pool: Pool) -> set[str]:
    """What the sweeper's list names."""
    async with pool.connection() as connection:
        cursor = await connection.execute('SELECT unnest(keys) FROM "LiteLLM_StripeOpenHoldTable"')
        return {key for (key,) in await cursor.fetchall()}


class TestHold:
    async def test_a_payer_never_seen_has_nothing_and_gets_no_account(self, ledger: Ledger) -> None:
        with pytest.raises(InsufficientCredits) as caught:
            await ledger.hold(HOLD)
        assert (caught.value.available_nanos, caught.value.required_nanos) == (0, 60)
        assert (await ledger.account(ALICE)).id is None

    async def test_a_repeat_is_answered_as_before_even_where_nothing_is_left(self, funded: Ledger) -> None:
        big = dataclasses.replace(HOLD, amount_nanos=100)
        first = await funded.hold(big)
        assert await funded.hold(big) == first
        assert (await funded.account(ALICE)).held_nanos == 100

    async def test_each_next_to_a_repeat_is_decided_by_what_is_left(self, funded: Ledger) -> None:
        await funded.hold(HOLD)
        fits, too_much = (dataclasses.replace(HOLD, key=f"{nanos}", amount_nanos=nanos) for nanos in (30, 11))
        asked = map(funded.hold, (HOLD, fits, too_much))
        again, admitted, refused = await asyncio.gather(*asked, return_exceptions=True)
        assert isinstance(again, Hold)
        assert isinstance(admitted, Hold)
        assert isinstance(refused, InsufficientCredits)
        assert (again.key, admitted.key, refused.available_nanos) == ("k", "30", 10)

    @pytest.mark.parametrize(
        "change", [{"amount_nanos": 61}, {"no_event_charge_nanos": 4}, {"payer": Payer("team_id", "alice")}]
    )
    async def test_the_same_key_with_other_content_is_a_conflict(
        self, funded: Ledger, change: dict[str, object]
    ) -> None:
        await funded.hold(HOLD)
        with pytest.raises(KeyConflict):
            await funded.hold(dataclasses.replace(HOLD, **change))  # type: ignore[arg-type] # one of the fields

    @pytest.mark.parametrize(
        "change",
        [
            {"amount_nanos": 0}, {"amount_nanos": -1}, {"amount_nanos": NANOS_MAX + 1},
            {"no_event_charge_nanos": 61}, {"no_event_charge_nanos": -1}, {"lease_s": 0}, {"lease_s": 10**6},
            {"key": ""}, {"key": "a\nb"},
            {"key": "x" * 301}, {"payer": Payer("user_id", "a\0")},
        ],
    )  # fmt: skip
    async def test_what_can_never_be_held_is_refused(self, funded: Ledger, change: dict[str, object]) -> None:
        with pytest.raises(BadRequest):
            await funded.hold(dataclasses.replace(HOLD, **change))  # type: ignore[arg-type] # one of the fields
        assert (await funded.account(ALICE)).held_nanos == 0


class TestResize:
    async def test_takes_and_gives_back_the_difference(self, funded: Ledger) -> None:
        await funded.hold(HOLD)
        assert (await funded.resize("k", 100)).available_nanos == 0
        assert (await funded.resize("k", 20)).available_nanos == 80

    async def test_beyond_the_balance_says_what_would_fit(self, funded: Ledger) -> None:
        await funded.hold(HOLD)
        with pytest.raises(InsufficientCredits) as caught:
            await funded.resize("k", 101)
        assert caught.value.available_nanos == 100

    async def test_refuses_nonsense_and_ended_calls(self, funded: Ledger) -> None:
        await funded.hold(HOLD)
        for amount in (0, 4):
            with pytest.raises(InvalidAmount):
                await funded.resize("k", amount)
        with pytest.raises(NotFound):
            await funded.resize("unknown", 5)
        await funded.release("k", "failed")
        with pytest.raises(KeyConflict):
            await funded.resize("k", 50)

    async def test_raises_what_an_unconfirmed_call_costs_and_never_lowers_it(self, funded: Ledger) -> None:
        await funded.hold(HOLD)
        await funded.resize("k", 80, no_event_charge_nanos=70)
        await funded.resize("k", 90, no_event_charge_nanos=3)
        assert (await funded.hold_of("k")).no_event_charge_nanos == 70

    async def test_what_was_spent_stands_where_more_is_refused_but_only_as_far_as_it_is_held(
        self, funded: Ledger
    ) -> None:
        await funded.hold(HOLD)
        with pytest.raises(InsufficientCredits):
            await funded.resize("k", 101, no_event_charge_nanos=1000)
        hold = await funded.hold_of("k")
        assert (hold.amount_nanos, hold.no_event_charge_nanos) == (HOLD.amount_nanos, HOLD.amount_nanos)


class TestSettle:
    @pytest.mark.parametrize(("cost", "balance"), [(0, 100), (59, 41), (60, 40), (61, 39), (150, -50)])
    async def test_charges_the_whole_cost_and_frees_the_whole_hold(
        self, funded: Ledger, cost: int, balance: int
    ) -> None:
        await funded.hold(HOLD)
        resolution = await funded.settle(Settlement("k", cost, "finished", "demo", detail={"tokens": 3}))
        assert (resolution.status, resolution.available_nanos) == (HoldStatus.SETTLED, balance)
        account = await funded.account(ALICE)
        assert (account.balance_nanos, account.held_nanos, account.total_spent_nanos) == (balance, 0, cost)
        lines = await funded.transactions(ALICE, TransactionQuery(kind=TransactionKind.CHARGE))
        assert [(line.amount_nanos, line.hold_key, line.detail) for line in lines] == (
            [(-cost, "k", {"tokens": 3})] if cost else []
        )

    async def test_a_repeat_with_another_cost_is_a_conflict(self, funded: Ledger) -> None:
        await funded.hold(HOLD)
        await funded.settle(Settlement("k", 7, "finished", "demo"))
        assert not (await funded.settle(Settlement("k", 7, "finished", "demo"))).changed
        with pytest.raises(KeyConflict):
            await funded.settle(Settlement("k", 8, "finished", "demo"))

    async def test_a_call_without_a_hold_needs_a_payer_and_is_charged_once(self, funded: Ledger) -> None:
        with pytest.raises(NotFound):
            await funded.settle(Settlement("x", 7, "finished", "demo"))
        settlement = Settlement("x", 7, "finished", "demo", payer=ALICE)
        assert (await funded.settle(settlement)).changed
        assert not (await funded.settle(settlement)).changed
        assert (await funded.account(ALICE)).balance_nanos == 93

    async def test_a_purged_call_is_not_charged_again(self, funded: Ledger, pool: Pool) -> None:
        await funded.hold(HOLD)
        await funded.settle(Settlement("k", 7, "finished", "demo"))
        async with pool.connection() as connection:
            await connection.execute(
                "UPDATE \"LiteLLM_StripeHoldTable\" SET created_at = now() - interval '40 d',"
                " resolved_at = now() - interval '39 d'"
            )
        assert await funded.purge(30) == 1
        assert await funded.purge(30) == 0
        with pytest.raises(KeyConflict):
            await funded.settle(Settlement("k", 8, "finished", "demo", payer=ALICE))
        answer = await funded.settle(Settlement("k", 7, "finished", "demo", payer=ALICE))
        assert (answer.changed, answer.charged_nanos) == (False, 7)
        assert await funded.verify() == []

    async def test_one_item_beyond_bigint_fails_alone(self, ledger: Ledger) -> None:
        await ledger.post(
            dataclasses.replace(TOPUP, amount_nanos=-NANOS_MAX, kind=TransactionKind.ADJUSTMENT)
        )
        with pytest.raises(InvalidAmount):
            await ledger.settle(Settlement("over", NANOS_MAX, "finished", "demo", payer=ALICE))
        with pytest.raises(InvalidAmount):
            await ledger.settle(Settlement("negative", -1, "finished", "demo", payer=ALICE))
        assert await ledger.verify() == []


class TestLayout:
    async def test_an_ending_writes_no_index_of_the_holds(self, funded: Ledger, pool: Pool) -> None:
        """Heap-only updates: an index on what an ending changes would cost more than the ending."""
        for number in range(20):
            await funded.hold(dataclasses.replace(HOLD, key=f"k{number}", amount_nanos=5))
            await funded.settle(Settlement(f"k{number}", 1, "finished", "demo"))
        await funded.close()  # a session reports what it did when it ends
        async with pool.connection() as connection:
            await connection.execute("SELECT pg_stat_force_next_flush()")
            async with asyncio.timeout(10):
                while True:
                    cursor = await connection.execute(
                        "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables"
                        " WHERE relname = 'LiteLLM_StripeHoldTable'"
                    )
                    updates = await cursor.fetchone()
                    if updates and updates[0] == 20:
                        break
        assert updates == (20, 20)


class TestExpire:
    async def test_only_ends_what_nobody_renews_and_lists_it_until_the_cost_turns_up(
        self, funded: Ledger, pool: Pool
    ) -> None:
        await funded.hold(HOLD)
        assert (await funded.expire("k", 5, "input")).status is HoldStatus.OPEN
        assert await funded.due() == []
        await run_out(pool, "k")
        assert [hold.key for hold in await funded.due()] == ["k"]
        assert (await funded.expire("k", 5, "input")).changed
        assert [call.hold.key for call in await funded.for_review()] == ["k"]
        with pytest.raises(InvalidAmount):
            await funded.expire("k", -1, "input")
        await funded.settle(Settlement("k", 9, "finished", "demo"))
        assert await funded.for_review() == []
        assert (await funded.hold_of("k")).status is HoldStatus.EXPIRED
        assert (await funded.account(ALICE)).total_spent_nanos == 9

    async def test_finds_the_last_open_hold_of_a_batch_behind_batches_that_ended(
        self, funded: Ledger, pool: Pool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("billing.ledger.reader.OPEN_BATCHES_MAX", 2)
        for batch in range(5):
            keys = [f"{batch}-{number}" for number in range(3)]
            await asyncio.gather(
                *(funded.hold(dataclasses.replace(HOLD, key=key, amount_nanos=5)) for key in keys)
            )
            for key in keys if batch < 4 else keys[:2]:
                await funded.settle(Settlement(key, 1, "finished", "demo"))
        assert await funded.due() == []
        assert await listed_keys(pool) >= {"4-2"}
        await run_out(pool, "4-2")
        assert [hold.key for hold in await funded.due()] == ["4-2"]
        assert await funded.verify() == []
        await funded.release("4-2", "failed")
        assert await funded.due() == []
        assert await listed_keys(pool) == set()

    async def test_stops_at_the_limit(self, funded: Ledger, pool: Pool) -> None:
        for key in ("a", "b", "c"):
            await funded.hold(dataclasses.replace(HOLD, key=key, amount_nanos=5))
            await run_out(pool, key)
        assert [hold.key for hold in await funded.due(2)] == ["a", "b"]

    async def test_a_renewed_lease_is_not_over(self, funded: Ledger, pool: Pool) -> None:
        await funded.hold(HOLD)
        await run_out(pool, "k")
        assert await funded.renew(["k", "unknown"], 60) == {"k"}
        assert await funded.renew([], 60) == frozenset()
        assert not (await funded.expire("k", 5, "input")).changed


class TestPost:
    async def test_the_same_key_answers_the_same_or_conflicts(self, funded: Ledger) -> None:
        first = await funded.post(TOPUP)
        assert (first.amount_nanos, first.balance_after_nanos) == (100, 100)
        for change in (
            {"amount_nanos": 99},
            {"stripe_object_id": "cs_2"},
            {"payer": Payer("user_id", "bob")},
        ):
            with pytest.raises(KeyConflict):
                await funded.post(dataclasses.replace(TOPUP, **change))
        assert (await funded.account(ALICE)).total_topups_nanos == 100

    @pytest.mark.parametrize(
        ("kind", "amount"),
        [
            (TransactionKind.TOPUP, -1), (TransactionKind.CHARGE, 1), (TransactionKind.CREDIT, 0),
            (TransactionKind.ADJUSTMENT, NANOS_MAX + 1), (TransactionKind.CREDIT, NANOS_MAX),
        ],
    )  # fmt: skip
    async def test_wrong_signs_and_overflows_write_nothing(
        self, funded: Ledger, kind: TransactionKind, amount: int
    ) -> None:
        with pytest.raises(InvalidAmount):
            await funded.post(Entry(ALICE, kind, amount, "other", "entry"))
        assert len(await funded.transactions(ALICE)) == 1
        assert await funded.verify() == []

    async def test_inside_a_callers_transaction_it_is_undone_with_it(
        self, ledger: Ledger, pool: Pool
    ) -> None:
        async with pool.connection() as connection, connection.transaction(force_rollback=True):
            await ledger.post_in(connection, TOPUP)
            assert (await ledger.account_in(connection, ALICE)).balance_nanos == 100
            account_id = await ledger.ensure_account_in(connection, ALICE)
            assert account_id == (await ledger.account_in(connection, ALICE)).id
        assert (await ledger.account(ALICE)).id is None

    async def test_texts_that_postgres_refuses_do_not_stop_money(self, ledger: Ledger) -> None:
        line = await ledger.post(
            dataclasses.replace(TOPUP, description="a\0b\ud800", detail={"n\0": float("nan")})
        )
        assert (line.description, line.detail) == ("a\ufffdb?", {"n\ufffd": "nan"})


class TestReading:
    async def test_pages_of_transactions_and_accounts_are_bounded(self, funded: Ledger) -> None:
        for number in range(5):
            await funded.post(Entry(ALICE, TransactionKind.CREDIT, 1, f"c{number}", "credit"))
        first = await funded.transactions(ALICE, TransactionQuery(limit=4))
        rest = await funded.transactions(ALICE, TransactionQuery(limit=4, before_id=first[-1].id))
        assert [line.amount_nanos for line in (*first, *rest)] == [1, 1, 1, 1, 1, 100]
        moment = first[0].created_at
        assert await funded.transactions(ALICE, TransactionQuery(since=moment)) == first[:1]
        assert len(await funded.transactions(ALICE, TransactionQuery(until=moment))) == 5
        [account] = await funded.accounts()
        assert account.payer == ALICE
        assert await funded.accounts(after_id=account.id or 0) == []
        for limit in (0, 101):
            with pytest.raises(BadRequest):
                await funded.transactions(ALICE, TransactionQuery(limit=limit))
        assert (await funded.account(Payer("user_id", "\0"))).id is None


class TestMemory:
    @pytest.mark.parametrize("payers_remembered", [0, 1])
    async def test_of_accounts_is_only_a_hint(
        self, funded: Ledger, pool: Pool, payers_remembered: int
    ) -> None:
        """Forgotten or held by another process: the ending finds the account by itself."""
        limits = LedgerLimits(payers_remembered=payers_remembered)
        async with Ledger(pool, owner="small", limits=limits) as small:
            for key in ("a", "b"):
                await small.hold(dataclasses.replace(HOLD, key=key, amount_nanos=5))
            for key in ("a", "b"):
                assert (await small.settle(Settlement(key, 2, "finished", "demo"))).changed
        assert await funded.verify() == []
