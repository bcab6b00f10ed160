"""The gateway's own comparison: once an interval on all replicas together, and no finding is forgotten."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from billing.reconcile.schedule import ReconcileSchedule
from billing.reconcile.schemas import Source
from billing.settings import Settings
from tests.integration.reconcile.conftest import World, open_world

TABLE = 'billing."LiteLLM_StripeReconcileTable"'
DUE = f"UPDATE {TABLE} SET claimed_at = claimed_at - interval '2 hours'".encode()
AGES_AGO = b"""
UPDATE billing."LiteLLM_StripeHoldTable"
SET created_at = now() - interval '5 hours', resolved_at = now() - interval '5 hours'"""
LOG_AGES_AGO = b"""
UPDATE public."LiteLLM_SpendLogs" SET "startTime" = "startTime" - interval '5 hours' """


def schedule_of(world: World, **changes: object) -> ReconcileSchedule:
    settings = world.settings.model_copy(update=changes)
    return ReconcileSchedule(settings, world.pool, world.reconciliation)


async def again(world: World, schedule: ReconcileSchedule) -> dict[Source, int]:
    """The next interval's comparison: how many differences each book has."""
    await world.execute(DUE)
    return {found.book: len(found.open) for found in await schedule.run_once()}


async def test_each_book_is_compared_once_an_interval_by_any_number_of_replicas(world: World) -> None:
    replicas = [schedule_of(world) for _ in range(4)]
    found = await asyncio.gather(*(replica.run_once() for replica in replicas))
    assert sorted(one.book for run in found for one in run) == ["ledger", "spend_logs", "stripe"]
    assert await replicas[0].run_once() == []
    assert await again(world, replicas[1]) == {Source.LEDGER: 0, Source.SPEND_LOGS: 0, Source.STRIPE: 0}


async def test_a_difference_is_found_again_until_it_is_gone(world: World) -> None:
    """Also when time has long gone past it."""
    await world.credit()
    schedule = schedule_of(world)
    key = await world.hold()
    await world.settle(key, "0.0001")
    await world.execute(AGES_AGO)
    assert (await again(world, schedule))[Source.SPEND_LOGS] == 1
    until = datetime.now(UTC) + timedelta(hours=1)
    await world.execute(f"UPDATE {TABLE} SET checked_until = %s".encode(), until)
    for _ in range(2):
        assert (await again(world, schedule))[Source.SPEND_LOGS] == 1
    standing = {one.book: one for one in await schedule.standings()}[Source.SPEND_LOGS]
    assert (standing.differences, standing.drift_nanos, standing.failed) == (1, 100_000, False)
    await world.log(key, "0.0001")
    await world.execute(LOG_AGES_AGO)
    assert (await again(world, schedule))[Source.SPEND_LOGS] == 0
    standing = {one.book: one for one in await schedule.standings()}[Source.SPEND_LOGS]
    assert (standing.differences, standing.drift_nanos) == (0, 0)
    [[left]] = await world.execute(f"SELECT open_slices FROM {TABLE} WHERE book = 'spend_logs'".encode())
    assert left == []


async def test_a_call_that_runs_for_hours_is_compared_when_it_has_ended(world: World) -> None:
    await world.credit()
    schedule = schedule_of(world)
    key = await world.hold(lease_s=86_400)
    await world.execute(
        b"UPDATE billing.\"LiteLLM_StripeHoldTable\" SET created_at = now() - interval '5 hours'"
    )
    assert (await again(world, schedule))[Source.SPEND_LOGS] == 0
    await world.settle(key, "0.0001")
    assert (await again(world, schedule))[Source.SPEND_LOGS] == 1


@pytest.mark.parametrize("repair", [True, False])
async def test_repairs_what_is_safe_if_the_setting_says_so(repair: bool, world: World) -> None:
    await world.credit()
    key = await world.hold()
    await world.settle(key, "0.0001", estimate=True)
    await world.log(key, "0.000042")
    schedule = schedule_of(world, billing_reconcile_repair=repair)
    assert (await again(world, schedule))[Source.SPEND_LOGS] == (0 if repair else 1)
    charged = 42_000 if repair else 100_000
    assert await world.balance() == 10**9 - charged


async def test_a_stripe_that_is_away_loses_no_time(settings: Settings) -> None:
    broken = settings.model_copy(update={"stripe_api_base": "http://127.0.0.1:9"})
    async with open_world(broken) as world:
        schedule = schedule_of(world)
        await schedule.run_once()
        standing = {one.book: one for one in await schedule.standings()}
        assert standing[Source.STRIPE].failed
        assert not standing[Source.LEDGER].failed
        [[until]] = await world.execute(f"SELECT checked_until FROM {TABLE} WHERE book = 'stripe'".encode())
        assert until is None


async def test_books_can_be_left_out(world: World) -> None:
    assert await schedule_of(world, billing_reconcile_books="none").run_once() == []
    [only] = await schedule_of(world, billing_reconcile_books="ledger").run_once()
    assert only.book is Source.LEDGER
    without_stripe = await again(world, schedule_of(world, stripe_api_key=None))
    assert Source.STRIPE not in without_stripe
