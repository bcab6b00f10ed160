"""The ledger's half of `make bench`: hold+settle pairs a second, beside a naive ledger and a bare insert.

Every figure is the median of interleaved runs on fresh databases of one embedded PostgreSQL with
its defaults (fsync and synchronous_commit on, asked and reported). Ratios are taken within a run.
"""

from __future__ import annotations

import contextlib
import platform
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg

from benchmarks.ledger_contenders import CONTENDERS, Run, fill
from benchmarks.tables import Measured, Row
from billing.database import migrate, open_pool
from tests.postgres_server import PostgresServer, database_of

RUNS = 5
SECONDS = 1.5  # of each contender in each cell and run
CELLS = [(callers, accounts) for callers in (1, 64, 512) for accounts in (1, 1_000)]
Results = dict[tuple[int, int], dict[str, list[Run]]]


@contextlib.contextmanager
def server() -> Iterator[PostgresServer]:
    """One embedded PostgreSQL for all runs."""
    started = PostgresServer()
    try:
        yield started
    finally:
        started.close()


async def measure(
    server: PostgresServer,
    runs: int = RUNS,
    seconds: float = SECONDS,
    names: Sequence[str] = tuple(CONTENDERS),
) -> Results:
    """Every contender in every cell, `runs` times, one after the other so that all share the weather."""
    results: Results = {cell: {name: [] for name in names} for cell in CELLS}
    templates = {accounts: await _template(server, accounts) for accounts in (1, 1_000)}
    for number in range(runs):
        for callers, accounts in CELLS:
            for name in names:
                url = server.create_database(templates[accounts])
                pool = await open_pool(url, wait_s=30)
                run = await CONTENDERS[name](pool, callers, accounts, seconds)
                await pool.close()
                results[callers, accounts][name].append(run)
                print(
                    f"run {number + 1}/{runs} {name} {callers}x{accounts}: {run.pairs_per_s:,.0f}",
                    file=sys.stderr,
                )
    return results


async def _template(server: PostgresServer, accounts: int) -> str:
    url = server.create_database()
    await migrate(url)
    pool = await open_pool(url)
    await fill(pool, accounts)
    await pool.close()
    return database_of(url)


def report(results: Results) -> Measured:
    """The figures, as `make bench` prints them."""
    cells = [_cell(callers, accounts, of) for (callers, accounts), of in results.items()]
    rows: list[Row] = [
        {
            "callers": callers,
            "accounts": accounts,
            "contender": name,
            "run": number,
            "pairs_per_s": round(run.pairs_per_s, 1),
            "lost_pairs": run.lost_pairs,
        }
        for (callers, accounts), of in results.items()
        for name, runs in of.items()
        for number, run in enumerate(runs)
    ]
    return Measured({"cells": cells, "hot_over_many": _hot(results)}, rows)


def _cell(callers: int, accounts: int, of: dict[str, list[Run]]) -> dict[str, object]:
    cell: dict[str, object] = {"callers": callers, "accounts": accounts}
    for name, runs in of.items():
        speeds = sorted(run.pairs_per_s for run in runs)
        cell[name] = {
            "pairs_per_s": round(statistics.median(speeds)),
            "spread": [round(speeds[0]), round(speeds[-1])],
            "lost_share": round(sum(run.lost_pairs for run in runs) / sum(run.pairs for run in runs), 4),
        }
    for other in ("floor", "naive"):
        if "ledger" in of and other in of:
            cell[f"ledger_over_{other}"] = _ratio(of["ledger"], of[other])
    return cell


def _ratio(over: list[Run], under: list[Run]) -> float:
    pairs = zip(over, under, strict=True)
    return round(statistics.median(a.pairs_per_s / b.pairs_per_s for a, b in pairs), 2)


def _hot(results: Results) -> dict[str, float]:
    """One busy account over a thousand, at the same number of callers."""
    return {
        str(callers): _ratio(results[callers, 1]["ledger"], results[callers, 1_000]["ledger"])
        for callers in (1, 64, 512)
        if "ledger" in results[callers, 1]
    }


def machine(server: PostgresServer) -> dict[str, object]:
    """Where it was measured, and that Postgres writes to disk before it answers."""
    with psycopg.connect(server.url()) as connection:
        names = ("server_version", "fsync", "synchronous_commit", "full_page_writes")
        settings = {name: connection.execute(f"SHOW {name}".encode()).fetchone() for name in names}
    return {
        "cpus": len(_cpu_models()) or None,
        "cpu": next(iter(_cpu_models()), platform.processor()),
        "system": platform.platform(),
        "python": platform.python_version(),
        "postgres": {name: row[0] if row else None for name, row in settings.items()},
    }


def _cpu_models() -> list[str]:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
