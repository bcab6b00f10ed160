"""The gauges that are read from the database, against holds and books whose figures are known."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from prometheus_client import REGISTRY

from billing.database import Pool
from billing.ledger import Ledger
from billing.ledger.schemas import Entry, HoldRequest, Payer, TransactionKind
from billing.metrics.sampling import Sampler
from billing.metrics.schemas import ProcessStanding
from billing.proxy.calls.sweeper import Sweeper
from billing.reconcile.schedule import ReconcileSchedule
from billing.reconcile.service import open_reconciliation
from billing.settings import Settings
from tests.integration.reconcile.conftest import both_template, database_url

__all__ = ["both_template", "database_url"]

ALICE = Payer("user_id", "alice")
AMOUNT = 90_000  # nanos
AGES = b"""
UPDATE billing."LiteLLM_StripeHoldTable" SET created_at = now() - make_interval(secs => %(age_s)s),
  lease_expires_at = now() + make_interval(secs => %(lease_s)s) WHERE key = %(key)s"""
MINT = b'UPDATE billing."LiteLLM_StripeBalanceTable" SET balance = balance + 5'
LATER_S = 10  # the database's clock runs on between writing an age and reading it


class Process:
    """What one process has in hand."""

    def standing(self) -> ProcessStanding:
        return ProcessStanding(open_calls=4, settling=3, events_without_call=7)


def gauge(name: str, **labels: str) -> float:
    value = REGISTRY.get_sample_value(f"proxyllm_{name}", labels)
    assert value is not None, name
    return value


async def hold(ledger: Ledger, pool: Pool, key: str, *, age_s: int, lease_s: int) -> None:
    await ledger.hold(HoldRequest(key, ALICE, AMOUNT, 700, 600))
    async with pool.connection() as connection:
        await connection.execute(AGES, {"key": key, "age_s": age_s, "lease_s": lease_s})


@pytest.fixture
def settings(database_url: str) -> Settings:
    return Settings.model_validate(
        {
            "_env_file": None,
            "database_url": database_url,
            "billing_reconcile_books": "ledger",
            "billing_reconcile_grace_s": 0,
        }
    )


@pytest.fixture
async def schedule(settings: Settings, pool: Pool, ledger: Ledger) -> AsyncIterator[ReconcileSchedule]:
    async with open_reconciliation(settings, pool, ledger) as reconciliation:
        yield ReconcileSchedule(settings, pool, reconciliation)


@pytest.fixture
def sampler(pool: Pool, ledger: Ledger, schedule: ReconcileSchedule) -> Sampler:
    return Sampler(pool, ledger, Process(), schedule)


async def test_without_holds_all_ages_are_zero(sampler: Sampler) -> None:
    await sampler.sample()
    names = ("open_holds", "oldest_hold_age_seconds", "overdue_hold_seconds", "ledger_waiting")
    assert [gauge(name) for name in names] == [0, 0, 0, 0]


async def test_holds_are_counted_and_their_ages_measured(
    sampler: Sampler, pool: Pool, ledger: Ledger
) -> None:
    await ledger.post(Entry(ALICE, TransactionKind.CREDIT, 10**9, "credit:1", "test"))
    await hold(ledger, pool, "abandoned", age_s=900, lease_s=-500)
    swept_before = REGISTRY.get_sample_value("proxyllm_swept_holds_total", {"result": "ended"}) or 0.0
    assert await Sweeper(ledger, pool).sweep() == 1
    await hold(ledger, pool, "running", age_s=100, lease_s=600)
    await hold(ledger, pool, "overdue", age_s=40, lease_s=-30)
    await sampler.sample()
    assert gauge("swept_holds_total", result="ended") == swept_before + 1
    assert gauge("open_holds") == 2
    assert 100 <= gauge("oldest_hold_age_seconds") < 100 + LATER_S
    assert 30 <= gauge("overdue_hold_seconds") < 30 + LATER_S


async def test_drift_of_the_books_is_what_the_last_comparison_found(
    sampler: Sampler, schedule: ReconcileSchedule, pool: Pool, ledger: Ledger
) -> None:
    await ledger.post(Entry(ALICE, TransactionKind.CREDIT, 10**9, "credit:1", "test"))
    async with pool.connection() as connection:
        await connection.execute(MINT)
    await schedule.run_once()
    await sampler.sample()
    assert gauge("reconcile_drift_nanos", book="ledger") == 5
    assert gauge("reconcile_differences", book="ledger") == 1
    assert gauge("reconcile_failed", book="ledger") == 0
    finished_s = gauge("reconcile_finished_timestamp_seconds", book="ledger")
    assert 0 <= gauge("sampled_timestamp_seconds") - finished_s < 60


async def test_the_processs_own_are_set_and_its_events_counted_once(sampler: Sampler) -> None:
    name = "proxyllm_success_events_without_call_total"
    before = REGISTRY.get_sample_value(name) or 0.0
    await sampler.sample()
    await sampler.sample()
    assert (gauge("open_calls"), gauge("settling")) == (4, 3)
    assert REGISTRY.get_sample_value(name) == before + 7
