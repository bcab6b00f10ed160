"""Runs the gateway's own comparison, on one replica at a time, from where the last one ended.

A slice of time with a difference or a running call is compared again each time until all of it agrees, so
that nothing is forgotten as time passes.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from billing.database import Pool
from billing.metrics.schemas import SourceStanding
from billing.reconcile import spend_logs, stripe_book
from billing.reconcile.schemas import PENDING, Findings, Source, Window, floor
from billing.reconcile.service import Reconciliation
from billing.reconcile.statements import SQL
from billing.settings import Settings

SLICES_MAX = 200  # open slices; beyond this the comparison does not proceed until somebody has looked
FIRST_WINDOW = timedelta(days=1)
_OVERLAP = timedelta(hours=1)
_LENGTHS = {Source.SPEND_LOGS: spend_logs.SLICE, Source.STRIPE: stripe_book.SLICE}

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Claim:
    checked_until: datetime | None
    open_slices: list[datetime]


class ReconcileSchedule:
    """Safe on any number of replicas: a book is claimed for an interval in one statement.

    (A session's advisory lock does not work: a transaction pooler could give it to another session, and each
    replica would compare again when the previous one has finished.)
    """

    def __init__(self, settings: Settings, pool: Pool, reconciliation: Reconciliation) -> None:
        self._settings = settings
        self._pool = pool
        self._reconciliation = reconciliation

    async def run_once(self) -> list[Findings]:
        """Compares the books that are due. Returns the findings."""
        found: list[Findings] = []
        for book in self._settings.reconcile_books:
            if book == Source.STRIPE and self._settings.stripe_api_key is None:
                continue
            claim = await self._claim(Source(book))
            if claim is not None:
                found.append(await self._compare(Source(book), claim))
        return found

    async def standings(self) -> list[SourceStanding]:
        """Returns the state of each book after its last comparison, on any replica."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(SQL["standings"])
            return [SourceStanding(*row) for row in await cursor.fetchall()]

    async def _claim(self, book: Source) -> _Claim | None:
        values = {"book": book.value, "interval_s": self._settings.billing_reconcile_interval_s}
        async with self._pool.connection() as connection:
            row = await (await connection.execute(SQL["claim"], values)).fetchone()
        return _Claim(row[0], list(row[1])) if row is not None else None

    async def _compare(self, book: Source, claim: _Claim) -> Findings:
        apply = self._settings.billing_reconcile_repair
        now = datetime.now(UTC)
        if book is Source.LEDGER:
            findings = await self._reconciliation.compare(book, Window(now - FIRST_WINDOW, now), apply=apply)
            await self._finish(findings, now, [])
            return findings
        until = now - timedelta(seconds=self._settings.billing_reconcile_grace_s)
        length = _LENGTHS[book]
        findings = Findings(book)
        still_open: list[datetime] = []
        checked_until = claim.checked_until
        for part in _parts(claim, until, length):
            one = await self._reconciliation.compare(book, part, apply=apply)
            findings.add(one)
            if one.open or one.failure or one.counts.get(PENDING):
                still_open.append(floor(part.since, length))
            if one.failure:
                still_open += [start for start in claim.open_slices if start not in still_open]
                break
            checked_until = max(part.until, checked_until or part.until)
        if len(still_open) >= SLICES_MAX:
            checked_until = claim.checked_until
        await self._finish(findings, checked_until, sorted(set(still_open))[:SLICES_MAX])
        return findings

    async def _finish(
        self, findings: Findings, checked_until: datetime | None, open_slices: list[datetime]
    ) -> None:
        level = logging.ERROR if findings.open or findings.failure else logging.INFO
        logger.log(
            level,
            "compared %s: %d differences, %d nanos drift%s",
            findings.book.value,
            len(findings.open),
            findings.drift_nanos,
            f", incomplete: {findings.failure}" if findings.failure else "",
        )
        for one in findings.open[:20]:
            logger.error(
                "%s %s: expected %s, found %s: %s",
                one.rule,
                one.subject,
                one.expected,
                one.found,
                one.explanation,
            )
        values = {
            "book": findings.book.value,
            "checked_until": checked_until,
            "open_slices": open_slices,
            "differences": len(findings.open),
            "drift": min(findings.drift_nanos, 2**63 - 1),
            "failure": findings.failure,
        }
        async with self._pool.connection() as connection:
            await connection.execute(SQL["finish"], values)


def _parts(claim: _Claim, until: datetime, length: timedelta) -> list[Window]:
    """Returns the slices to compare: the open ones, then those from an hour before the last comparison on."""
    begin = (claim.checked_until or until - FIRST_WINDOW) - _OVERLAP
    new = Window(floor(begin, length), until).slices(length) if begin < until else []
    known = {part.since for part in new}
    again = [Window(start, min(start + length, until)) for start in claim.open_slices if start not in known]
    return [*again, *new]
