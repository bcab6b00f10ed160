"""`proxyllm shadow-report`: what enforcing mode would have charged and refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from billing.money import format_nanos
from billing.settings import get_settings
from billing.shadow.report import ReportLine, shadow_report
from gateway.messages import DONE
from proxyllm.books import open_books
from proxyllm.output import aligned, answer, say
from proxyllm.times import DAYS, moment

_HEAD = ("customer", "model", "calls", "would be charged", "would be refused", "why", "log less events")


def report_shadow(since: str | None, until: str | None, *, as_json: bool) -> int:
    """`proxyllm shadow-report`."""
    return answer(_report(since, until, as_json=as_json))


async def _report(since: str | None, until: str | None, *, as_json: bool) -> int:
    end = moment(until, "--until") if until is not None else datetime.now(UTC)
    start = moment(since, "--since") if since is not None else end - timedelta(days=DAYS)
    async with open_books(get_settings()) as books:
        lines = await shadow_report(books, start, end)
    if as_json:
        say(
            json.dumps(
                {"since": start.isoformat(), "until": end.isoformat(), "lines": list(map(_json, lines))}
            )
        )
    else:
        table = aligned([_HEAD, *map(_row, lines)])
        say("\n".join(table) if lines else "shadow mode saw no call in this time")
    return DONE


def _json(line: ReportLine) -> dict[str, object]:
    return {
        "customer_type": line.customer_type,
        "customer_id": line.customer_id,
        "model": line.model,
        "calls": line.calls,
        "unfinished": line.unfinished,
        "would_be_charged": format_nanos(line.charged),
        "would_be_refused": line.refused,
        "refusals": line.refusals,
        "charged_if_not_refused": format_nanos(line.charged_if_not_refused),
        "provider_cost": _plain(line.provider_cost),
        "logged_cost": _plain(line.logged_cost),
        "difference": _plain(line.difference),
    }


def _plain(cost: Decimal) -> str:
    return format(cost.normalize() + 0, "f")


def _row(line: ReportLine) -> tuple[str, ...]:
    why = ", ".join(f"{code} {count}" for code, count in sorted(line.refusals.items()))
    return (
        line.customer_id or "(nobody)",
        line.model or "-",
        str(line.calls),
        format_nanos(line.charged),
        str(line.refused),
        why or "-",
        _plain(line.difference),
    )
