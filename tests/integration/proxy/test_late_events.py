"""Success events that come twice, late, from two processes or never, on a real ledger."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import pytest

from billing.database import Pool
from billing.ledger import Ledger
from billing.ledger.schemas import (
    Entry,
    HoldRequest,
    HoldStatus,
    Payer,
    TransactionKind,
    TransactionQuery,
)
from billing.prices.rule import PriceRule
from billing.proxy.admitted.call import Admission
from billing.proxy.calls.call import Call
from billing.proxy.calls.open_calls import OpenCalls
from billing.proxy.calls.settlement_queue import SettlementQueue
from billing.proxy.calls.success import Successes
from billing.proxy.calls.sweeper import Sweeper
from billing.proxy.litellm.success_events import success_event
from billing.settings import Settings

ALICE = Payer("user_id", "alice")
CALL = "call_1"
CREDIT, HELD, INPUT, COST = 1_000_000, 90_000, 700, 2_000  # nanos
EVENT = {
    "litellm_call_id": "litellm-1",
    "response_cost": 2e-06,
    "standard_logging_object": {"response_cost": 2e-06, "total_tokens": 12},
}
SPEND_LOGS = """
CREATE TABLE public."LiteLLM_SpendLogs" (request_id text, api_key text, spend float8, "startTime" timestamp,
  model text, metadata jsonb, prompt_tokens int, completion_tokens int, total_tokens int, status text,
  model_group text, model_id text, cache_hit text)
"""


class Process:
    """One gateway's part of a call, from its admission on."""

    def __init__(self, ledger: Ledger, settings: Settings | None = None) -> None:
        self.settlement_queue = SettlementQueue()
        self.open_calls = OpenCalls(ledger, self.settlement_queue, settings or Settings())
        self.successes = Successes(self.open_calls)
        self.call = Call("/v1/chat/completions", id=CALL)
        self.call.admission = Admission(ALICE, PriceRule(), False, HELD, INPUT, 0, {"model": "m"})
        self.open_calls.add(self.call)

    async def hear_success(self) -> None:
        self.successes.charge(self.call, success_event(EVENT, self.call))
        assert await self.settlement_queue.drain(timeout_s=10) == 0


@pytest.fixture
async def held(ledger: Ledger) -> Ledger:
    """A ledger with one running call."""
    await admit(ledger, no_event_charge_nanos=INPUT)
    return ledger


async def admit(ledger: Ledger, no_event_charge_nanos: int) -> None:
    """A customer with credit, and the hold of the call."""
    await ledger.post(
        Entry(ALICE, TransactionKind.TOPUP, CREDIT, "topup:1", "Top-up", stripe_object_id="cs_1")
    )
    await ledger.hold(HoldRequest(CALL, ALICE, HELD, no_event_charge_nanos, 60, detail={"model": "m"}))


@pytest.fixture
async def run_out(pool: Pool) -> Callable[[], Awaitable[None]]:
    """Ends the call's lease now."""
    async with pool.connection() as connection:
        await connection.execute(SPEND_LOGS)

    async def expire() -> None:
        async with pool.connection() as connection:
            await connection.execute('UPDATE "LiteLLM_StripeHoldTable" SET lease_expires_at = now()')

    return expire


async def books(ledger: Ledger) -> Sequence[tuple[TransactionKind, int, object]]:
    """What was written after the credit, oldest first: kind, amount, ending."""
    entries = await ledger.transactions(ALICE, TransactionQuery())
    return [(one.kind, one.amount_nanos, one.detail.get("ending")) for one in reversed(entries)][1:]


FINISHED = (TransactionKind.CHARGE, -COST, "finished")


class TestSuccessEvent:
    async def test_twice_is_charged_once(self, held: Ledger) -> None:
        process = Process(held)
        await process.hear_success()
        await process.hear_success()
        assert await books(held) == [FINISHED]

    async def test_of_two_processes_is_charged_once(self, held: Ledger) -> None:
        for process in (Process(held), Process(held)):
            await process.hear_success()
        assert await books(held) == [FINISHED]
        assert (await held.account(ALICE)).held_nanos == 0

    async def test_that_never_comes_costs_the_input_and_is_listed(
        self, held: Ledger, pool: Pool, run_out: Callable[[], Awaitable[None]]
    ) -> None:
        await run_out()
        assert await Sweeper(held, pool).sweep() == 1
        assert await books(held) == [(TransactionKind.CHARGE, -INPUT, "no_event")]
        [listed] = await held.for_review()
        assert listed.hold.key == CALL

    async def test_that_comes_after_the_sweeper_replaces_the_estimate(
        self, held: Ledger, pool: Pool, run_out: Callable[[], Awaitable[None]]
    ) -> None:
        await run_out()
        await Sweeper(held, pool).sweep()
        await Process(held).hear_success()
        await Process(held).hear_success()
        written = await books(held)
        assert [(kind, amount) for kind, amount, _ in written] == [
            (TransactionKind.CHARGE, -INPUT),
            (TransactionKind.REVERSAL, INPUT),
            (TransactionKind.CHARGE, -COST),
        ]
        assert (await held.hold_of(CALL)).status is HoldStatus.EXPIRED
        assert await held.for_review() == []

    async def test_that_comes_after_a_release_is_charged(self, held: Ledger) -> None:
        await held.release(CALL, "failed")
        await Process(held).hear_success()
        assert await books(held) == [FINISHED]

    async def test_a_stream_that_is_given_up_costs_what_it_showed(
        self, held: Ledger, pool: Pool, run_out: Callable[[], Awaitable[None]]
    ) -> None:
        process = Process(held)
        process.call.delivery.ended_at = -1e9
        process.call.stream = Showed(5_000)  # type: ignore[assignment]  # all that is asked of it
        await process.open_calls.renew_leases()
        assert len(process.open_calls) == 0
        await run_out()
        await Sweeper(held, pool).sweep()
        assert await books(held) == [(TransactionKind.CHARGE, -5_000, "no_event")]

    async def test_that_never_comes_is_free_where_the_setting_says_so(
        self, ledger: Ledger, pool: Pool, run_out: Callable[[], Awaitable[None]]
    ) -> None:
        await admit(ledger, no_event_charge_nanos=0)  # as an admission does by this setting
        process = Process(ledger, Settings(billing_charge_no_event="nothing"))
        process.call.delivery.ended_at = -1e9
        process.call.stream = Showed(5_000)  # type: ignore[assignment]  # all that is asked of it
        await process.open_calls.renew_leases()
        await run_out()
        await Sweeper(ledger, pool).sweep()
        assert await books(ledger) == []
        assert (await ledger.account(ALICE)).available_nanos == CREDIT
        assert [listed.hold.ending for listed in await ledger.for_review()] == ["no_event"]


class Showed:
    """A stream that has cost so much."""

    def __init__(self, likely_nanos: int) -> None:
        self.likely_nanos = likely_nanos
