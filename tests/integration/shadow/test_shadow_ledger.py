"""The ledger of shadow mode on a real Postgres: it decides by balances, writes down, and moves nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest

from billing.database import Pool
from billing.errors import InsufficientCredits, LedgerUnavailable, ModelNotPriced, NotConfigured
from billing.ledger import Ledger
from billing.ledger.schemas import Entry, HoldRequest, Payer, Settlement, TransactionKind
from billing.shadow.ledger import ShadowLedger
from billing.shadow.recorder import QUEUE_MAX, Note, Recorder
from billing.shadow.report import ReportLine, shadow_report

UNIT = 1_000_000_000
ADA = Payer("user_id", "ada")
SPEND_LOGS = """CREATE TABLE public."LiteLLM_SpendLogs" (request_id text, spend float8, "startTime" timestamp,
  metadata jsonb)"""


@pytest.fixture
def recorder(pool: Pool) -> Recorder:
    return Recorder(pool)


@pytest.fixture
async def shadow(pool: Pool, recorder: Recorder, ledger: Ledger) -> ShadowLedger:
    await ledger.post(Entry(ADA, TransactionKind.CREDIT, 10 * UNIT, "credit:1", "test"))
    return ShadowLedger(pool, recorder, currency="usd")


def ask(amount: int, payer: Payer = ADA) -> HoldRequest:
    return HoldRequest(
        f"call_{uuid4().hex}", payer, amount * UNIT, UNIT // 10, 60, {"model": "m", "route": "/v1"}
    )


def cost(key: str, amount: int) -> Settlement:
    return Settlement(
        key, amount * UNIT, "finished", "m", detail={"model": "m", "provider_cost": str(amount)}
    )


async def lines(shadow: ShadowLedger, pool: Pool) -> list[ReportLine]:
    async with pool.connection() as connection:
        await connection.execute(SPEND_LOGS.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS").encode())
    now = datetime.now(UTC)
    return await shadow_report(shadow, now - timedelta(hours=1), now + timedelta(hours=1))


class TestDeciding:
    async def test_running_calls_count_and_ended_ones_free_what_they_held(self, shadow: ShadowLedger) -> None:
        first = ask(6)
        assert (await shadow.hold(first)).available_nanos == 4 * UNIT
        with pytest.raises(InsufficientCredits) as refused:
            await shadow.hold(ask(5))
        assert (refused.value.available_nanos, refused.value.required_nanos) == (4 * UNIT, 5 * UNIT)
        await shadow.release(first.key, "failed")
        assert (await shadow.hold(ask(10))).available_nanos == 0

    async def test_charges_count_though_no_balance_moves(
        self, shadow: ShadowLedger, recorder: Recorder, ledger: Ledger
    ) -> None:
        for _ in range(2):
            request = ask(5)
            await shadow.hold(request)
            await shadow.settle(cost(request.key, 4))
            await recorder.flush()
        with pytest.raises(InsufficientCredits):
            await shadow.hold(ask(3))
        account = await ledger.account(ADA)
        assert (account.balance_nanos, account.held_nanos, account.total_spent_nanos) == (10 * UNIT, 0, 0)

    async def test_a_larger_hold_is_measured_with_what_the_call_has(self, shadow: ShadowLedger) -> None:
        request = ask(6)
        await shadow.hold(request)
        assert (await shadow.resize(request.key, 9 * UNIT)).available_nanos == UNIT
        with pytest.raises(InsufficientCredits):
            await shadow.resize(request.key, 11 * UNIT)
        await shadow.settle(cost(request.key, 1))
        assert len(shadow) == 0

    async def test_nobody_is_refused_because_postgres_is_away(
        self, shadow: ShadowLedger, pool: Pool, recorder: Recorder
    ) -> None:
        await pool.close()
        await shadow.hold(ask(1_000))
        with pytest.raises(LedgerUnavailable):
            await recorder.flush()
        assert len(recorder) == 1  # kept


class TestTheReport:
    async def test_counts_each_call_once_with_its_charge_and_its_refusal(
        self, shadow: ShadowLedger, recorder: Recorder, pool: Pool
    ) -> None:
        served, refused, running = ask(5), ask(5), ask(1)
        await shadow.hold(served)
        await shadow.settle(cost(served.key, 2))
        shadow.refuse(refused.key, ADA, "m", "/v1", ModelNotPriced("m has no price"))
        await shadow.settle(cost(refused.key, 3))
        await shadow.hold(running)
        await recorder.flush()
        await shadow.settle(cost(served.key, 9))  # a second event of an ending changes nothing
        await recorder.flush()
        [line] = await lines(shadow, pool)
        assert (line.calls, line.unfinished, line.refused) == (3, 1, 1)
        assert (line.charged, line.charged_if_not_refused) == (2 * UNIT, 3 * UNIT)
        assert line.refusals == {"model_not_priced": 1}
        assert line.provider_cost == 5

    async def test_compares_with_litellms_spend_log(
        self, shadow: ShadowLedger, recorder: Recorder, pool: Pool
    ) -> None:
        request = ask(5)
        await shadow.hold(request)
        await shadow.settle(cost(request.key, 2))
        await recorder.flush()
        await lines(shadow, pool)  # makes the table
        async with pool.connection() as connection:
            await connection.execute(
                "INSERT INTO public.\"LiteLLM_SpendLogs\" VALUES (%s, 2.5, now() AT TIME ZONE 'UTC',"
                " jsonb_build_object('spend_logs_metadata', %s::jsonb))",
                (request.key, json.dumps({"billing_call_id": request.key})),
            )
        [line] = await lines(shadow, pool)
        assert (str(line.logged_cost), str(line.difference.normalize())) == ("2.5", "0.5")

    async def test_needs_litellms_tables(self, shadow: ShadowLedger) -> None:
        now = datetime.now(UTC)
        with pytest.raises(NotConfigured, match="spend log"):
            await shadow_report(shadow, now - timedelta(hours=1), now)

    async def test_of_a_key_of_nobody_has_a_line_too(
        self, shadow: ShadowLedger, recorder: Recorder, pool: Pool
    ) -> None:
        shadow.refuse("call_nobody", None, "m\x00", "/v1", ModelNotPriced("no"))
        await recorder.flush()
        [line] = await lines(shadow, pool)
        assert (line.customer_id, line.model, line.refused) == (None, "m\ufffd", 1)


class TestWriting:
    async def test_a_further_event_is_added(
        self, shadow: ShadowLedger, recorder: Recorder, pool: Pool
    ) -> None:
        request = ask(5)
        await shadow.hold(request)
        await shadow.settle(cost(request.key, 2))
        more = Entry(ADA, TransactionKind.CHARGE, -UNIT, "charge:x:2", "m", hold_key=request.key)
        await shadow.post(more)
        await recorder.flush()
        [line] = await lines(shadow, pool)
        assert line.charged == 3 * UNIT
        with pytest.raises(InsufficientCredits):
            await shadow.hold(ask(8))

    async def test_calls_that_nobody_renews_end_by_the_rule_for_no_event(
        self, shadow: ShadowLedger, recorder: Recorder, pool: Pool
    ) -> None:
        kept, lost = ask(1), ask(1)
        await shadow.hold(kept)
        await shadow.hold(lost)
        await shadow.renew([kept.key, lost.key], 0)
        assert await shadow.renew([kept.key], 60) == {kept.key}
        shadow.sweep()
        await recorder.flush()
        [line] = await lines(shadow, pool)
        assert (line.calls, line.unfinished, line.charged) == (2, 1, UNIT // 10)

    async def test_such_a_call_is_charged_what_it_had_cost_at_least(
        self, shadow: ShadowLedger, recorder: Recorder, pool: Pool
    ) -> None:
        request = ask(6)
        await shadow.hold(request)
        await shadow.resize(request.key, 6 * UNIT, no_event_charge_nanos=2 * UNIT)
        await shadow.resize(request.key, 7 * UNIT, no_event_charge_nanos=UNIT)
        with pytest.raises(InsufficientCredits):
            await shadow.resize(request.key, 11 * UNIT, no_event_charge_nanos=3 * UNIT)
        await shadow.renew([request.key], 0)
        shadow.sweep()
        await recorder.flush()
        [line] = await lines(shadow, pool)
        assert line.charged == 3 * UNIT

    async def test_one_note_that_postgres_refuses_keeps_none_behind_it(
        self, shadow: ShadowLedger, recorder: Recorder, pool: Pool
    ) -> None:
        recorder.note(Note("begin_call", {"call_id": "call_bad", "detail": "{"}))
        await shadow.hold(ask(1))
        await recorder.flush()
        assert len(await lines(shadow, pool)) == 1

    def test_what_does_not_fit_is_counted(self, recorder: Recorder) -> None:
        for _ in range(QUEUE_MAX + 3):
            recorder.note(Note("end_call", {}))
        assert (len(recorder), recorder.dropped) == (QUEUE_MAX, 3)

    async def test_old_calls_are_forgotten(
        self, shadow: ShadowLedger, recorder: Recorder, pool: Pool, database_url: str
    ) -> None:
        await shadow.hold(ask(1))
        await recorder.flush()
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(
                "UPDATE billing.\"LiteLLM_StripeShadowCallTable\" SET created_at = now() - interval '31 days'"
            )
        await recorder.purge(30)
        assert await lines(shadow, pool) == []
