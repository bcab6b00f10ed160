"""`make bench`: the ledger's speed, and what billing costs the gateway. One JSON document on stdout."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys

import uvloop

from benchmarks import gateway, ledger
from tests.postgres_server import PostgresServer


def main() -> None:
    """Measures what is asked for and prints."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", choices=("ledger", "gateway"), help="one half instead of both")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs: a look, not a figure")
    arguments = parser.parse_args()
    with contextlib.redirect_stdout(sys.stderr):  # what the measured parts print is progress
        document = measured(arguments.only, is_quick=arguments.quick)
    print(json.dumps(document, indent=2))


def measured(only: str | None, *, is_quick: bool) -> dict[str, object]:
    """The machine, and each half by its name."""
    document: dict[str, object] = {}
    with ledger.server() as server:
        document["machine"] = ledger.machine(server)
        if only != "gateway":
            document["ledger"] = _ledger(server, is_quick=is_quick)
    if only != "ledger":
        document["gateway"] = _gateway(is_quick=is_quick)
    return document


def _ledger(server: PostgresServer, *, is_quick: bool) -> dict[str, object]:
    runs, seconds = (1, 0.5) if is_quick else (ledger.RUNS, ledger.SECONDS)
    return ledger.report(uvloop.run(ledger.measure(server, runs, seconds)))


def _gateway(*, is_quick: bool) -> dict[str, object]:
    print("starting two gateways", file=sys.stderr)
    if is_quick:
        return asyncio.run(gateway.measure(callers=(1, 16), rounds=2, seconds=2.0))
    return asyncio.run(gateway.measure())


if __name__ == "__main__":
    main()
