"""`proxyllm reconcile`: compares the books with themselves, with LiteLLM's spend logs and with Stripe."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from billing.database.pool import open_pool
from billing.errors import BillingError
from billing.ledger.service import Ledger
from billing.money import format_nanos
from billing.reconcile.schemas import Difference, Findings, Report, Source, Window
from billing.reconcile.service import Reconciliation, open_reconciliation
from billing.settings import Settings, get_settings
from gateway.messages import DONE, FAILED, tell
from proxyllm.output import aligned, say
from proxyllm.times import DAYS, moment

CANNOT_RUN = 2
_WAIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Options:
    """The command line's options; times as ISO 8601 strings."""

    since: str | None = None
    until: str | None = None
    books: tuple[Source, ...] = ()
    apply: bool = False
    as_json: bool = False


def reconcile(options: Options) -> int:
    """Exit code 0: everything agrees or was repaired; 1: differences; 2: something could not be compared."""
    try:
        report = asyncio.run(_run(options))
    except BillingError as error:
        tell(error.message)
        return CANNOT_RUN
    say(json.dumps(_document(report)) if options.as_json else _table(report, is_repairing=options.apply))
    if any(book.open for book in report.books):
        return FAILED
    return DONE if report.clean else CANNOT_RUN


async def _run(options: Options) -> Report:
    window = _window(options)
    settings = get_settings()
    async with _reconciliation(settings) as reconciliation:
        books, notes = _books(options.books, settings)
        report = await reconciliation.run(window, books=books, apply=options.apply)
    return Report(report.window, (*report.books, *notes))


def _books(wanted: Sequence[Source], settings: Settings) -> tuple[tuple[Source, ...], tuple[Findings, ...]]:
    """Returns what to compare. Without a key, Stripe is skipped with a note unless requested."""
    if wanted:
        return tuple(wanted), ()
    if settings.stripe_api_key is not None:
        return tuple(Source), ()
    skipped = Findings(Source.STRIPE, notes=["Not compared: STRIPE_API_KEY is not set."])
    return (Source.LEDGER, Source.SPEND_LOGS), (skipped,)


@asynccontextmanager
async def _reconciliation(settings: Settings) -> AsyncIterator[Reconciliation]:
    pool = await open_pool(settings, max_size=3, wait_s=_WAIT_S, application_name="proxyllm reconcile")
    try:
        async with (
            Ledger(pool, owner="proxyllm reconcile", currency=settings.billing_currency) as ledger,
            open_reconciliation(settings, pool, ledger) as reconciliation,
        ):
            yield reconciliation
    finally:
        await pool.close()


def _window(options: Options) -> Window:
    now = datetime.now(UTC)
    since = moment(options.since, "--since") if options.since is not None else now - timedelta(days=DAYS)
    until = moment(options.until, "--until") if options.until is not None else now
    return Window(since, min(until, now))


def _document(report: Report) -> dict[str, object]:
    return {
        "clean": report.clean,
        "since": report.window.since.isoformat(),
        "until": report.window.until.isoformat(),
        "books": [
            {
                "book": book.book.value,
                "failure": book.failure,
                "drift": format_nanos(book.drift_nanos),
                "counts": book.counts,
                "notes": book.notes,
                "differences": [_item(one) for one in book.differences],
            }
            for book in report.books
        ],
    }


def _item(one: Difference) -> dict[str, object]:
    item = {name: value for name, value in asdict(one).items() if name not in {"book", "drift_nanos"}}
    return {**item, "drift": format_nanos(one.drift_nanos)}


def _table(report: Report, *, is_repairing: bool) -> str:
    window = report.window
    lines = [f"compared {window.since:%Y-%m-%d %H:%M} to {window.until:%Y-%m-%d %H:%M} UTC", ""]
    lines += aligned([("BOOK", "RESULT", "DRIFT", "COMPARED"), *map(_summary, report.books)])
    for book in report.books:
        lines += [f"  {text}" for text in book.notes]
    found = [one for book in report.books for one in book.differences]
    if found:
        head = ("RULE", "SUBJECT", "CUSTOMER", "EXPECTED", "FOUND", "STATE")
        lines += ["", *aligned([head, *(_row(one) for one in found)]), ""]
        lines += sorted({f"{one.rule}: {one.explanation}" for one in found})
    repairable = sum(1 for one in found if one.repair and not one.repaired)
    if repairable and not is_repairing:
        lines += ["", f"{repairable} of these can be repaired safely: run this again with --apply."]
    return "\n".join(lines)


def _summary(book: Findings) -> tuple[str, ...]:
    counts = ", ".join(f"{number} {name}" for name, number in book.counts.items())
    if book.failure:
        return (book.book.value, "CANNOT COMPARE", "", book.failure)
    result = f"{len(book.open)} DIFFER" if book.open else "agrees"
    if not book.counts and book.notes and not book.differences:
        result = "not compared"
    return (book.book.value, result, format_nanos(book.drift_nanos), counts)


def _row(one: Difference) -> tuple[str, ...]:
    state = "repaired" if one.repaired else one.repair.value if one.repair else "for a person"
    return (one.rule, one.subject, one.customer or "-", one.expected, one.found, state)
