"""`proxyllm shadow-report`: what enforcing mode would have charged and refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from billing.cli.books import answer, open_books
from billing.cli.output import DONE, say
from billing.errors import BadRequest
from billing.money import format_nanos
from billing.settings import get_settings
from billing.shadow.report import ReportLine, shadow_report

_DAYS = 7
_HEAD = ("customer", "model", "calls", "would be charged", "would be refused", "why", "log less events")


def report_shadow(since: str | None, until: str | None, *, as_json: bool) -> int:
    """`proxyllm shadow-report`."""
    return answer(_report(since, until, as_json=as_json))


async def _report(since: str | None, until: str | None, *, as_json: bool) -> int:
    end = _moment(until, "--until") if until else datetime.now(UTC)
    start = _moment(since, "--since") if since else end - timedelta(days=_DAYS)
    async with open_books(get_settings()) as books:
        lines = await shadow_report(books, start, end)
    if as_json:
        say(
            json.dumps(
                {"since": start.isoformat(), "until": end.isoformat(), "lines": list(map(_json, lines))}
            )
        )
    else:
        say(_table(lines) if lines else "shadow mode saw no call in this time")
    return DONE


def _moment(text: str, option: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadRequest(
            f"{option}: {text} is no time in ISO 8601, like 2026-11-21 or 2026-11-21T05:00Z."
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


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


def _table(lines: list[ReportLine]) -> str:
    rows = [_HEAD, *map(_row, lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


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
