"""Samples the gauges that are not counted along the way: queue lengths and database values."""

from __future__ import annotations

from billing.database import Pool, load_statements
from billing.metrics import instruments
from billing.metrics.schemas import Enforcing, Reconciling, Waiting

_SQL = load_statements("billing.metrics")


class Sampler:
    """Sets the gauges of one process."""

    def __init__(self, pool: Pool, ledger: Waiting, enforcing: Enforcing, schedule: Reconciling) -> None:
        self._pool = pool
        self._ledger = ledger
        self._enforcing = enforcing
        self._schedule = schedule
        self._events_counted = 0

    async def sample(self) -> None:
        """Samples once. Postgres errors are raised after the process's own gauges are set."""
        standing = self._enforcing.standing()
        instruments.OPEN_CALLS.set(standing.open_calls)
        instruments.SETTLING.set(standing.settling)
        instruments.LEDGER_WAITING.set(self._ledger.waiting)
        instruments.EVENTS_WITHOUT_CALL.inc(standing.events_without_call - self._events_counted)
        self._events_counted = standing.events_without_call
        await self._sample_holds()
        await self._sample_books()

    async def _sample_holds(self) -> None:
        async with self._pool.connection() as connection:
            row = await (await connection.execute(_SQL["open_holds"])).fetchone()
        assert row is not None  # a SELECT of aggregates
        count, oldest_s, overdue_s, now_s = row
        instruments.OPEN_HOLDS.set(count)
        instruments.OLDEST_HOLD.set(oldest_s)
        instruments.OVERDUE_HOLD.set(overdue_s)
        instruments.SAMPLED_AT.set(now_s)

    async def _sample_books(self) -> None:
        for book in await self._schedule.standings():
            instruments.RECONCILE_DIFFERENCES.labels(book.book).set(book.differences)
            instruments.RECONCILE_DRIFT.labels(book.book).set(book.drift_nanos)
            instruments.RECONCILE_FAILED.labels(book.book).set(book.failed)
            if book.finished_at is not None:
                instruments.RECONCILE_FINISHED.labels(book.book).set(book.finished_at)
