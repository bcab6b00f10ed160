"""Compares the ledger with LiteLLM's spend log, by our call id.

LiteLLM writes its rows in batches, seconds to a minute after the call: calls that ended within the grace
period wait for the next comparison. Free calls are marked in the log, calls of exempt keys do not have our
id.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import psycopg
from psycopg.rows import class_row

from billing.database import Connection, Pool
from billing.errors import NotConfigured
from billing.reconcile.calls import CallRow, ChargeRow, LogRow, assign_failures, difference_of, unknown_call
from billing.reconcile.schemas import PENDING, Findings, Source, Window
from billing.reconcile.statements import SQL

SLICE = timedelta(hours=1)
SUSPECTS_MAX = 1000  # per slice; the rest is found once these are resolved
STATEMENT_S = 600
_AROUND = timedelta(minutes=10)  # between a hold and its row, by two clocks

RowT = TypeVar("RowT", ChargeRow, LogRow)


class SpendLogs:
    """Compares one slice of time after the other, each with a few statements whatever its size."""

    def __init__(self, pool: Pool, grace_s: float) -> None:
        self._pool = pool
        self._grace = timedelta(seconds=grace_s)

    async def compare(self, window: Window) -> Findings:
        """Compares the calls that began in the window. Raises NotConfigured without a spend log."""
        findings = Findings(Source.SPEND_LOGS)
        settled_before = datetime.now(UTC) - self._grace
        try:
            async with self._pool.connection() as connection, connection.transaction():
                await connection.execute(f"SET LOCAL statement_timeout = '{STATEMENT_S}s'".encode())
                await self._compare_in(connection, window, settled_before, findings)
        except psycopg.errors.UndefinedTable as error:
            raise NotConfigured(
                "This database has no LiteLLM_SpendLogs table: LiteLLM has not set it up yet."
            ) from error
        return findings

    async def _compare_in(
        self, connection: Connection, window: Window, settled_before: datetime, findings: Findings
    ) -> None:
        values = {
            "since": window.since,
            "until": window.until,
            "settled_before": settled_before,
            "log_since": _plain(window.since - _AROUND),
            "log_until": _plain(window.until + _AROUND),
            "slice_since": _plain(window.since),
            "slice_until": _plain(window.until),
            "limit": SUSPECTS_MAX,
        }
        row = await (await connection.execute(SQL["suspects"], values)).fetchone()
        assert row is not None  # a SELECT of aggregates
        calls, estimates, logs, pending, suspects = row
        findings.count("calls", calls)
        findings.count("estimates", estimates)
        findings.count("logged calls", logs)
        findings.count(PENDING, pending)
        await self._judge(connection, suspects, findings)
        await self._unknown(connection, window, settled_before, findings)
        if len(suspects) == SUSPECTS_MAX:
            findings.note(f"More than {SUSPECTS_MAX} calls of one hour differ: only the first are shown.")

    async def _judge(self, connection: Connection, keys: Sequence[str], findings: Findings) -> None:
        if not keys:
            return
        values = {"keys": list(keys)}
        async with connection.cursor(row_factory=class_row(CallRow)) as cursor:
            calls = await (await cursor.execute(SQL["calls"], values)).fetchall()
        async with connection.cursor(row_factory=class_row(ChargeRow)) as cursor:
            charges = _by_key(await (await cursor.execute(SQL["charges"], values)).fetchall())
        async with connection.cursor(row_factory=class_row(LogRow)) as cursor:
            logs = _by_key(await (await cursor.execute(SQL["logs"], values)).fetchall())
        unlogged = [call.key for call in calls if charges[call.key] and not logs[call.key]]
        async with connection.cursor(row_factory=class_row(LogRow)) as cursor:
            failures = await (await cursor.execute(SQL["failures"], {"keys": unlogged})).fetchall()
        logs.update(assign_failures(charges, failures))
        owners = await self._owners(connection, charges)
        for call in calls:
            found = difference_of(call, charges[call.key], logs[call.key], owners)
            if found is not None:
                findings.differences.append(found)

    async def _owners(
        self, connection: Connection, charges: Mapping[str, list[ChargeRow]]
    ) -> dict[str, str | None]:
        ids = [charge.response_id for rows in charges.values() for charge in rows if charge.response_id]
        cursor = await connection.execute(SQL["log_owners"], {"ids": ids})
        return dict(await cursor.fetchall())

    async def _unknown(
        self, connection: Connection, window: Window, settled_before: datetime, findings: Findings
    ) -> None:
        values = {
            "log_since": _plain(window.since),
            "log_until": _plain(window.until),
            "settled_before": _plain(settled_before),
            "limit": SUSPECTS_MAX,
        }
        cursor = await connection.execute(SQL["unknown_logs"], values)
        findings.differences += [unknown_call(*row) for row in await cursor.fetchall()]


def _plain(moment: datetime) -> datetime:
    """Removes the time zone: LiteLLM's columns are UTC without one."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def _by_key(rows: Sequence[RowT]) -> defaultdict[str, list[RowT]]:
    found: defaultdict[str, list[RowT]] = defaultdict(list)
    for row in rows:
        found[row.key].append(row)
    return found
