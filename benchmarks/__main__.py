"""`make bench`: the ledger's speed, and what billing costs the gateway. One JSON document on stdout.

python -m benchmarks                                 # all but memory
python -m benchmarks --only history                  # one of them
python -m benchmarks --only memory --calls 100000    # takes as long as the calls take
python -m benchmarks --csv docs/performance          # writes every measurement, too
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import uvloop

from benchmarks import gateway, history, ledger, memory, processes
from benchmarks.tables import Measured
from tests.postgres_server import PostgresServer

Benchmark = Callable[[PostgresServer, argparse.Namespace], Measured]


def _ledger(server: PostgresServer, asked: argparse.Namespace) -> Measured:
    runs, seconds = _length(asked, (1, 0.5), (ledger.RUNS, ledger.SECONDS))
    return ledger.report(uvloop.run(ledger.measure(server, runs, seconds)))


def _history(server: PostgresServer, asked: argparse.Namespace) -> Measured:
    histories, rounds, pairs = ((100, 10_000), 2, 100) if asked.quick else ((100, 10_000, 1_000_000), 7, 300)
    return uvloop.run(history.measure(server, histories, asked.rounds or rounds, pairs))


def _gateway(server: PostgresServer, asked: argparse.Namespace) -> Measured:
    callers = (1, 16) if asked.quick else (1, 16, 64)
    return asyncio.run(gateway.measure(callers, *_length(asked, (2, 2.0), (7, 5.0))))


def _processes(server: PostgresServer, asked: argparse.Namespace) -> Measured:
    processes_max = 2 if asked.quick else 4
    return asyncio.run(processes.measure(processes_max, *_length(asked, (1, 2.0), (5, 5.0))))


def _memory(server: PostgresServer, asked: argparse.Namespace) -> Measured:
    return asyncio.run(memory.measure(1_000 if asked.quick else asked.calls))


def _length(
    asked: argparse.Namespace, quick: tuple[int, float], whole: tuple[int, float]
) -> tuple[int, float]:
    """Rounds, and seconds of each measurement."""
    rounds, seconds = quick if asked.quick else whole
    return asked.rounds or rounds, asked.seconds or seconds


BENCHMARKS: dict[str, Benchmark] = {
    "ledger": _ledger,
    "history": _history,
    "gateway": _gateway,
    "processes": _processes,
    "memory": _memory,
}
ONLY_WHEN_ASKED = "memory"


def main() -> None:
    """Measures what is asked for and prints."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=BENCHMARKS, help="one instead of all but memory")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs: a look, not a figure")
    parser.add_argument("--rounds", type=int, help="how often each measurement is made")
    parser.add_argument("--seconds", type=float, help="how long each measurement takes")
    parser.add_argument("--calls", type=int, default=100_000, help="of the memory benchmark")
    parser.add_argument("--csv", type=Path, help="a directory for a CSV file of every measurement")
    asked = parser.parse_args()
    with contextlib.redirect_stdout(sys.stderr):  # what the measured parts print is progress
        document = measured(asked)
    print(json.dumps(document, indent=2))


def measured(asked: argparse.Namespace) -> dict[str, object]:
    """The machine, and each benchmark by its name."""
    document: dict[str, object] = {}
    with ledger.server() as server:
        document["machine"] = ledger.machine(server)
        for name in [asked.only] if asked.only else [one for one in BENCHMARKS if one != ONLY_WHEN_ASKED]:
            began = time.monotonic()
            result = BENCHMARKS[name](server, asked)
            document[name] = {**result.summary, "took_s": round(time.monotonic() - began)}
            if asked.csv is not None:
                asked.csv.mkdir(parents=True, exist_ok=True)
                result.write_csv(asked.csv / f"{name}.csv")
    return document


if __name__ == "__main__":
    main()
