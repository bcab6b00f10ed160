"""`make bench`: the ledger's speed, what billing costs, what attackers do. Prints one JSON document.

python -m benchmarks                                 # the ledger, histories, the gateway, processes
python -m benchmarks --only history                  # one of them
python -m benchmarks --only memory --calls 100000    # takes as long as the calls take
python -m benchmarks --only hostile --compare PATH   # a hostile minute, on another checkout and on this one
python -m benchmarks --only hostile --attacks openapi,spaces_no_credit
python -m benchmarks --only ordinary --calls 10000   # how long the event loop stops, [--compare PATH]
python -m benchmarks --only bodies --compare PATH    # CPU of requests of 6 MB
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

from benchmarks import gateway, history, large_bodies, ledger, memory, ordinary, processes
from benchmarks.hostile import report
from benchmarks.hostile.attacks import ATTACKS
from benchmarks.hostile.minute import Plan
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
    return asyncio.run(memory.measure(asked.calls or (1_000 if asked.quick else 100_000)))


def _hostile(server: PostgresServer, asked: argparse.Namespace) -> Measured:
    names = asked.attacks.split(",") if asked.attacks else tuple(ATTACKS)
    if unknown := set(names) - set(ATTACKS):
        raise SystemExit(f"No such attacks: {', '.join(unknown)}. There are: {', '.join(ATTACKS)}")
    quick = Plan(names, warm_up_s=2, seconds=asked.seconds or 10, rest_s=5, pace=0.5)
    plan = quick if asked.quick else Plan(names, seconds=asked.seconds or 60)
    return asyncio.run(report.measured(plan, asked.compare, asked.home))


def _ordinary(server: PostgresServer, asked: argparse.Namespace) -> Measured:
    calls = asked.calls or (500 if asked.quick else 10_000)
    return asyncio.run(ordinary.measure(calls, asked.compare))


def _bodies(server: PostgresServer, asked: argparse.Namespace) -> Measured:
    if asked.compare is None:
        raise SystemExit("--only bodies compares: name another checkout with --compare.")
    rounds, calls = (2, 3) if asked.quick else (15, 6)
    return asyncio.run(large_bodies.measure(asked.compare, asked.rounds or rounds, asked.calls or calls))


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
    "hostile": _hostile,
    "ordinary": _ordinary,
    "bodies": _bodies,
}
ONLY_WHEN_ASKED = ("memory", "hostile", "ordinary", "bodies")


def main() -> None:
    """Measures what is asked for and prints."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", choices=BENCHMARKS, help="one, of which the last four are not made otherwise"
    )
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs: a look, not a figure")
    parser.add_argument("--rounds", type=int, help="how often each measurement is made")
    parser.add_argument("--seconds", type=float, help="how long each measurement takes")
    parser.add_argument("--calls", type=int, help="of memory, ordinary and bodies")
    parser.add_argument("--compare", type=Path, help="another checkout with its .venv, measured as well")
    parser.add_argument("--attacks", help="kinds of attack, with commas between; all if not given")
    parser.add_argument("--home", type=Path, help="of a `make run`: hostile attacks that gateway")
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
        for name in [asked.only] if asked.only else [one for one in BENCHMARKS if one not in ONLY_WHEN_ASKED]:
            began = time.monotonic()
            result = BENCHMARKS[name](server, asked)
            document[name] = {**result.summary, "took_s": round(time.monotonic() - began)}
            if asked.csv is not None:
                asked.csv.mkdir(parents=True, exist_ok=True)
                result.write_csv(asked.csv / f"{name}.csv")
    return document


if __name__ == "__main__":
    main()
