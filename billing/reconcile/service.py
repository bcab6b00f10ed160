"""Compares all books over a window of time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from billing.database import Pool
from billing.errors import BadRequest, BillingError
from billing.ledger.connection import postgres_errors
from billing.ledger.service import Ledger
from billing.proxy.calls.sweeper import Sweeper
from billing.reconcile import spend_logs, stripe_book
from billing.reconcile.ledger_book import compare_ledger
from billing.reconcile.payments import StripePayments
from billing.reconcile.repairs import Repairs
from billing.reconcile.schemas import Difference, Findings, Report, Source, Window
from billing.reconcile.spend_logs import SpendLogs
from billing.reconcile.stripe_book import StripeBook
from billing.settings import Settings
from billing.stripe_api import StripeApi, connect_stripe
from billing.topups.fulfilment import Fulfilment

WINDOW_MAX = timedelta(days=366)
EVERY_SOURCE = tuple(Source)


class Reconciliation:
    """Compares, and repairs if asked to. Works in pages and slices, and keeps none of them."""

    def __init__(
        self,
        settings: Settings,
        pool: Pool,
        ledger: Ledger,
        stripe_api: StripeApi,
        repairs: Repairs,
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        grace_s = settings.billing_reconcile_grace_s
        self._spend_logs = SpendLogs(pool, grace_s)
        self._stripe = StripeBook(pool, StripePayments(stripe_api), settings.billing_currency, grace_s)
        self._repairs = repairs

    async def run(
        self, window: Window, *, books: Collection[Source] = EVERY_SOURCE, apply: bool = False
    ) -> Report:
        """Compares these books; one that cannot be compared has a `failure` and does not stop the others.

        Raises BadRequest for a window that is empty or longer than a year.
        """
        check_window(window)
        found = [await self.compare(book, window, apply=apply) for book in EVERY_SOURCE if book in books]
        return Report(window, tuple(found))

    async def compare(self, book: Source, window: Window, *, apply: bool = False) -> Findings:
        """Compares one book slice by slice; `failure` says why it is incomplete."""
        findings = Findings(book)
        if book is Source.LEDGER:
            await self._step(findings, self._compare_ledger)
        elif book is Source.SPEND_LOGS:
            window = self._with_holds(window, findings)
            for part in window.slices(spend_logs.SLICE):
                if not await self._step(findings, lambda part=part: self._spend_logs.compare(part)):  # type: ignore[misc]  # bound now
                    break
        else:
            for part in window.slices(stripe_book.SLICE):
                if not await self._step(findings, lambda part=part: self._stripe.compare(part)):  # type: ignore[misc]  # bound now
                    break
            await self._step(findings, self._stripe.waiting)
        if apply:
            findings.differences = [
                await self.repair(one) if one.repair else one for one in findings.differences
            ]
        return findings

    async def repair(self, difference: Difference) -> Difference:
        """Repairs one difference if possible; otherwise explains why not."""
        return await self._repairs.apply(difference)

    async def _compare_ledger(self) -> Findings:
        return await compare_ledger(self._ledger, self._settings.billing_reconcile_grace_s)

    async def _step(self, findings: Findings, compare: Callable[[], Awaitable[Findings]]) -> bool:
        """Adds the findings of one part; returns False and records why if it cannot be compared."""
        try:
            async with postgres_errors():
                findings.add(await compare())
        except BillingError as error:
            findings.failure = error.message
            return False
        return True

    def _with_holds(self, window: Window, findings: Findings) -> Window:
        """Returns the part of the window whose holds still exist: they are purged after some time."""
        kept = timedelta(days=self._settings.billing_holds_keep_days) - timedelta(days=1)
        oldest = datetime.now(UTC) - kept
        if window.since >= oldest:
            return window
        findings.note(f"Calls before {oldest:%F %T} UTC are not compared: their holds have been purged.")
        return Window(min(oldest, window.until), window.until)


@asynccontextmanager
async def open_reconciliation(
    settings: Settings, pool: Pool, ledger: Ledger
) -> AsyncIterator[Reconciliation]:
    """Opens a comparison with its own Stripe client, which is closed at the end."""
    async with connect_stripe(settings) as stripe_api:
        fulfilment = Fulfilment(settings, pool, ledger, stripe_api)
        yield Reconciliation(settings, pool, ledger, stripe_api, Repairs(fulfilment, Sweeper(ledger, pool)))


def check_window(window: Window) -> None:
    """Raises BadRequest for an empty or too long window."""
    if window.since >= window.until:
        raise BadRequest("--since must be before --until.")
    if window.until - window.since > WINDOW_MAX:
        raise BadRequest("At most a year can be compared at once.")
