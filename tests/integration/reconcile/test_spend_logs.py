"""The ledger against LiteLLM's spend log: every way in which one call can differ, really made to differ."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from billing.ledger.schemas import HoldStatus, Json, Settlement
from billing.reconcile.schemas import PENDING, Repair, Source, Window, floor
from billing.reconcile.spend_logs import SLICE, SpendLogs
from tests.integration.reconcile.conftest import INSERT_LOG, KEY_HASH, World

SPEND_LOGS = Source.SPEND_LOGS


@pytest.fixture(autouse=True)
async def credit(world: World) -> None:
    await world.credit()


class TestAgrees:
    async def test_calls_with_the_same_cost_on_both_sides(self, world: World) -> None:
        for cost in ("0.000123456", "1e-06", "0.0000000005"):
            await world.call(cost)
        found = await world.compare(SPEND_LOGS)
        assert found.differences == []
        assert found.counts["calls"] == 3
        assert found.counts["logged calls"] == 3

    async def test_a_logged_call_is_counted_once_however_near_to_two_slices_it_lies(
        self, world: World
    ) -> None:
        await world.call()
        hour = floor(datetime.now(UTC), SLICE)
        for minutes in (-1, 1):
            await world.execute(
                b'UPDATE public."LiteLLM_SpendLogs" SET "startTime" = %s',
                (hour + timedelta(minutes=minutes)).replace(tzinfo=None),
            )
            found = await world.reconciliation.compare(
                SPEND_LOGS, Window(hour - timedelta(hours=2), hour + timedelta(hours=2))
            )
            assert found.counts["logged calls"] == 1, minutes

    async def test_costs_within_a_nano(self, world: World) -> None:
        key = await world.hold()
        await world.settle(key, "0.000123456")
        await world.log(key, "0.000123457")
        assert (await world.compare(SPEND_LOGS)).differences == []

    async def test_a_call_of_two_events(self, world: World) -> None:
        key = await world.hold()
        await world.settle(key, "0.0001")
        await second_event(world, key, "0.0002")
        await world.log(key, "0.0001")
        await world.log(key, "0.0002")
        assert (await world.compare(SPEND_LOGS)).differences == []

    async def test_a_call_that_was_never_held_and_is_charged_when_its_cost_comes(self, world: World) -> None:
        """Its row of the holds is made for its ending, and only the charge knows the key."""
        key = "call_late"
        await world.log(key, "0.0001")
        await world.ledger.settle(
            Settlement(
                key, 100_000, "finished", "m", payer=world.alice,
                detail={"provider_cost": "0.0001", "key_hash": KEY_HASH},
            )
        )  # fmt: skip
        found = await world.compare(SPEND_LOGS)
        assert (found.differences, found.counts["calls"]) == ([], 1)
        await world.execute(b'UPDATE public."LiteLLM_SpendLogs" SET spend = 5')
        assert (await world.only(SPEND_LOGS)).expected == "5.00"

    async def test_broken_calls_whose_failure_rows_bear_no_id(self, world: World) -> None:
        """As LiteLLM writes them for /v1/messages; a row is of one call only."""
        for _ in range(2):
            await world.settle(await world.hold(), "0.00000495")
        await world.execute(
            INSERT_LOG, "f1", KEY_HASH, "4.95e-06", '{"spend_logs_metadata": null}', "failure"
        )
        assert (await world.only(SPEND_LOGS)).rule == "missing"
        await world.execute(INSERT_LOG, "f2", KEY_HASH, "5e-06", "{}", "failure")
        assert (await world.only(SPEND_LOGS)).rule == "missing", "of another cost"
        await world.execute(INSERT_LOG, "f3", "another-key", "4.95e-06", "{}", "failure")
        assert (await world.only(SPEND_LOGS)).rule == "missing", "of another key"
        await world.execute(INSERT_LOG, "f4", KEY_HASH, "4.95e-06", "{}", "failure")
        assert (await world.compare(SPEND_LOGS)).differences == []

    async def test_a_failed_call_that_the_setting_makes_free(self, world: World) -> None:
        key = await world.hold()
        await world.ledger.release(key, "failed")
        await world.log(key, "0.00001", status="failure")
        assert (await world.compare(SPEND_LOGS)).differences == []

    async def test_a_free_call_that_litellm_can_price(self, world: World) -> None:
        await world.log("call_free", "0.5", free=True)
        key = await world.hold()
        await world.ledger.release(key, "finished_free")
        await world.log(key, "0.5", free=True)
        assert (await world.compare(SPEND_LOGS)).differences == []

    async def test_rows_of_exempt_keys_which_bear_no_id_of_ours(self, world: World) -> None:
        await world.execute(
            b'INSERT INTO public."LiteLLM_SpendLogs" (request_id, call_type, spend, "startTime", "endTime")'
            b" VALUES ('r', 'acompletion', 5, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC')"
        )
        assert (await world.compare(SPEND_LOGS)).differences == []

    async def test_a_charge_whose_row_litellm_dropped_for_the_id_of_its_response(self, world: World) -> None:
        first = await world.hold()
        await world.settle(first, "0.0001", response_id="resp_same")
        await world.log(first, "0.0001", request_id="resp_same")
        second = await world.hold()
        await world.settle(second, "0.0003", response_id="resp_same")
        assert (await world.compare(SPEND_LOGS)).differences == []


class TestDiffers:
    async def test_missing(self, world: World) -> None:
        await world.call()
        key = await world.hold()
        await world.settle(key, "0.0001")
        found = await world.only(SPEND_LOGS)
        assert (found.rule, found.subject, found.expected, found.found) == ("missing", key, "0.00", "0.0001")
        assert found.drift_nanos == 100_000
        assert found.repair is None

    async def test_missing_where_the_row_is_of_another_key(self, world: World) -> None:
        key = await world.call()
        await world.execute(b"UPDATE public.\"LiteLLM_SpendLogs\" SET api_key = 'somebody'")
        found = await world.only(SPEND_LOGS)
        assert (found.rule, found.subject) == ("missing", key)

    async def test_double(self, world: World) -> None:
        key = await world.call("0.0002")
        await second_event(world, key, "0.0002")
        found = await world.only(SPEND_LOGS)
        assert (found.rule, found.expected, found.found) == ("double", "0.0002", "0.0004")
        assert found.drift_nanos == 200_000

    @pytest.mark.parametrize("logged", ["0.000123459", "0.5", "NaN", "Infinity", "-1"])
    async def test_different_by_more_than_a_nano(self, logged: str, world: World) -> None:
        key = await world.call("0.000123456")
        await world.execute(b'UPDATE public."LiteLLM_SpendLogs" SET spend = %s::text::float8', logged)
        found = await world.only(SPEND_LOGS)
        assert (found.rule, found.subject, found.found) == ("different", key, "0.000123456")

    @pytest.mark.parametrize("cost", ["0.9", "nonsense", "1e", None])
    async def test_different_where_the_books_were_altered(self, cost: str | None, world: World) -> None:
        await world.call()
        await world.alter(
            b'UPDATE billing."LiteLLM_StripeTransactionTable" SET detail = '
            b"detail || jsonb_build_object('provider_cost', %s::text) WHERE kind = 'charge'",
            cost,
        )
        assert (await world.only(SPEND_LOGS)).rule == "different"

    async def test_uncharged_after_a_release(self, world: World) -> None:
        key = await world.hold()
        await world.ledger.release(key, "failed")
        await world.log(key, "0.0007")
        found = await world.only(SPEND_LOGS)
        assert (found.rule, found.expected, found.found) == ("uncharged", "0.0007", "0.00")
        assert found.drift_nanos == -700_000

    async def test_uncharged_second_event(self, world: World) -> None:
        key = await world.call("0.0001")
        await world.log(key, "0.0005")
        found = await world.only(SPEND_LOGS)
        assert (found.rule, found.expected, found.found) == ("uncharged", "0.0006", "0.0001")

    async def test_a_cost_that_neither_hold_nor_charge_knows(self, world: World) -> None:
        row = await world.log("call_nobody_knows", "0.25")
        found = await world.only(SPEND_LOGS)
        assert (found.rule, found.subject, found.drift_nanos) == (
            "unknown_call",
            "call_nobody_knows",
            -250_000_000,
        )
        assert row in found.explanation


class TestEstimates:
    async def test_are_listed_and_not_compared(self, world: World) -> None:
        key = await world.hold()
        await world.settle(key, "0.0001", estimate=True)
        found = await world.compare(SPEND_LOGS)
        assert found.differences == []
        assert found.counts["estimates"] == 1

    async def test_whose_cost_is_known_by_now_are_replaced(self, world: World) -> None:
        key = await world.hold()
        await world.settle(key, "0.0001", estimate=True)
        await world.log(key, "0.000042")
        found = await world.only(SPEND_LOGS)
        assert (found.rule, found.repair) == ("estimate_not_replaced", Repair.REPLACE)
        assert (found.expected, found.found) == ("0.000042", "0.0001")
        before = await world.balance()
        assert (await world.only(SPEND_LOGS, apply=True)).repaired
        assert await world.balance() == before + 100_000 - 42_000
        assert (await world.compare(SPEND_LOGS)).differences == []
        assert (await world.ledger.hold_of(key)).charged_nanos == 42_000

    async def test_are_not_replaced_by_litellms_guess(self, world: World) -> None:
        """Where no provider reported usage, the log's cost is of what LiteLLM has counted itself."""
        key = await world.hold()
        detail: Json = {"usage_reported": False, "provider_cost": None, "key_hash": KEY_HASH}
        counted = Settlement(key, 100_000, "finished_unpriced", "m", estimate=True, detail=detail)
        await world.ledger.settle(replace(counted, payer=world.alice))
        await world.log(key, "0.000042")
        assert (await world.compare(SPEND_LOGS, apply=True)).differences == []
        assert (await world.ledger.hold_of(key)).charged_nanos == 100_000

    async def test_are_replaced_once_by_any_number_of_repairs(self, world: World) -> None:
        key = await world.hold()
        await world.settle(key, "0.0001", estimate=True)
        await world.log(key, "0.000042")
        found = await world.compare(SPEND_LOGS)
        for _ in range(3):
            await world.compare(SPEND_LOGS, apply=True)
        assert len(found.differences) == 1
        assert await world.balance() == 10**9 - 42_000
        assert await world.ledger.verify() == []

    async def test_that_only_a_failure_row_knows_stay(self, world: World) -> None:
        key = await world.hold()
        await world.settle(key, "0.0001", estimate=True)
        await world.log(key, "0.00005", status="failure")
        assert (await world.compare(SPEND_LOGS)).differences == []


class TestTime:
    async def test_what_ended_just_now_is_pending(self, world: World) -> None:
        key = await world.hold()
        await world.settle(key, "0.0001")
        await world.log("call_nobody_knows", "0.25")
        now = datetime.now(UTC)
        book = SpendLogs(world.pool, 300)
        found = await book.compare(Window(now - timedelta(hours=1), now + timedelta(seconds=1)))
        assert found.differences == []
        assert found.counts[PENDING] == 1

    async def test_a_running_call_is_pending(self, world: World) -> None:
        await world.hold()
        assert (await world.compare(SPEND_LOGS)).counts[PENDING] == 1

    async def test_a_row_far_from_its_hold_is_found(self, world: World) -> None:
        """A call of hours: its second row begins long after the hold, in another slice."""
        key = await world.call()
        await world.execute(
            b"UPDATE billing.\"LiteLLM_StripeHoldTable\" SET created_at = created_at - interval '100 minutes'"
        )
        assert (await world.compare(SPEND_LOGS)).differences == []
        assert (await world.ledger.hold_of(key)).status is HoldStatus.SETTLED

    async def test_calls_whose_holds_are_purged_are_not_compared_and_that_is_said(self, world: World) -> None:
        now = datetime.now(UTC)
        window = Window(now - timedelta(days=40), now)
        [found] = (await world.reconciliation.run(window, books=[SPEND_LOGS])).books
        assert "purged" in found.notes[0]


async def second_event(world: World, key: str, cost: str) -> None:
    """One more charge of a call, as for another provider call inside of it."""
    await world.execute(
        b"SELECT billing.post_entry_v1('user_id', %s, 'usd', 'charge', %s, %s, %s, NULL, FALSE, 'm', %s)",
        world.alice.customer_id,
        -round(float(cost) * 10**9),
        f"charge:{key}:second",
        key,
        f'{{"provider_cost": "{cost}"}}',
    )
