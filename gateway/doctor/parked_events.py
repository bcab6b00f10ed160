"""Reports parked Stripe events: those that are still retried, and those that need a person."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import psycopg

from billing.database.pool import connect
from billing.database.url import read_url
from billing.errors import BillingError
from billing.settings import Settings
from billing.webhooks import inbox
from billing.webhooks.schemas import ParkedCount, ParkedEvent
from gateway.doctor.finding import Finding, ok, warning

WITHIN_S = 20.0
NAMED_MAX = 5  # of each kind; `proxyllm reconcile --book stripe` names all
_WAY_OUT = "look at Stripe, then send it again from there (`stripe events resend`)"


async def check_parked_events(settings: Settings) -> AsyncIterator[Finding]:
    """Reads the events once. An unreachable database is reported by its own check."""
    if settings.database_url is None:
        return
    try:
        async with (
            asyncio.timeout(WITHIN_S),
            await connect(read_url(settings.database_url.get_secret_value()).conninfo) as connection,
        ):
            count = await inbox.count_parked(connection)
            retried = await inbox.list_parked(connection, NAMED_MAX, is_retried=True)
            ended = await inbox.list_parked(connection, NAMED_MAX, is_retried=False)
    except (TimeoutError, BillingError, psycopg.Error):
        return
    for finding in _findings(count, retried, ended):
        yield finding


def _findings(count: ParkedCount, retried: list[ParkedEvent], ended: list[ParkedEvent]) -> list[Finding]:
    found = []
    if count.ended:
        message = f"{count.ended} are no longer retried: {_WAY_OUT}. {_names(ended, count.ended)}"
        found.append(warning("Stripe events", message))
    if count.retried:
        message = f"{count.retried} are parked and retried. {_names(retried, count.retried)}"
        found.append(warning("Stripe events", message))
    return found or [ok("Stripe events", "none is parked")]


def _names(events: list[ParkedEvent], count: int) -> str:
    names = [
        f"{event.event_id} ({event.type} {event.object_id}), {_age(event.received_at)} old, "
        f"tried {event.tries} times: {event.reason}"
        for event in events
    ]
    return "; ".join(names) + (f"; and {count - len(names)} more" if count > len(names) else "")


def _age(since: datetime) -> str:
    age = datetime.now(UTC) - since
    for unit, length in (
        ("days", timedelta(days=1)),
        ("h", timedelta(hours=1)),
        ("min", timedelta(minutes=1)),
    ):
        if age >= 2 * length:
            return f"{age // length} {unit}"
    return f"{age // timedelta(seconds=1)} s"
