"""`make fault-run`: three gateways under load while processes, database and network fail, by a seed.

    python -m tests.faults.fault_run --minutes 10 --seed 7
    python -m tests.faults.fault_run --minutes 10 --seed 7 --show    # only prints the schedule

Prints its seed first; exit code 1 where a promise did not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from billing.database import open_pool
from billing.ledger.schemas import UnconfirmedCall
from billing.money import format_nanos
from tests.faults import witness
from tests.faults.fleet import LEASE_S, MASTER_KEY, SWEEP_S, WATCHDOG_S, Fleet, running_fleet
from tests.faults.load import Load, make_customers
from tests.faults.schedule import (
    CutConnections,
    Fault,
    KillGateway,
    RestartPostgres,
    SlowNetwork,
    schedule,
)
from tests.faults.verdicts import Verdicts, judge, still_held

# Between the last call and the end of the last hold: a watchdog, a lease, sweeps, and a busy machine.
ENDED_WITHIN_S = WATCHDOG_S + LEASE_S + 5 * SWEEP_S + 45
AROUND_WITHIN_S = 600.0  # start, end and judgement together
CUSTOMERS = {  # id: credit in dollars, callers
    **{f"rich-{number}": ("50.00", 3) for number in range(4)},
    "hot": ("100.00", 4),
    **{f"poor-{number}": ("0.0002", 3) for number in range(3)},
}

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Report:
    """What happened, and whether the promises held."""

    faults: list[Fault]
    verdicts: Verdicts
    answers: Counter[str]
    kills: int
    restarts: int
    lost_answers: int
    cut_statements: int
    gateway_starts: int

    @property
    def problems(self) -> list[str]:
        return self.verdicts.problems


async def run(seed: int, seconds: float, directory: Path, say: Say) -> Report:
    """One fault run. Raises TimeoutError where it does not come to its end."""
    faults = schedule(seed, seconds)
    async with asyncio.timeout(seconds + AROUND_WITHIN_S), running_fleet(directory) as fleet:
        say(f"{len(fleet.gateways)} gateways serve")
        async with contextlib.AsyncExitStack() as stack:
            pool = await open_pool(fleet.direct_url, wait_s=60)
            stack.push_async_callback(pool.close)
            await witness.install(pool)
        load = Load([gateway.url for gateway in fleet.gateways], MASTER_KEY, seed)
        customers = await make_customers(load.urls[0], MASTER_KEY, CUSTOMERS)
        calls = asyncio.get_running_loop().create_task(load.run(customers))
        await _make_faults(fleet, faults, seconds, say)
        load.stop()
        await calls
        fleet.network.calm()
        await fleet.settled()
        say(f"{len(load.seen)} calls made; waiting for the last hold to end")
        verdicts = await _judged(fleet, load)
    return Report(
        faults=faults,
        verdicts=verdicts,
        answers=Counter(str(seen.status or "no answer") for seen in load.seen),
        kills=fleet.kills,
        restarts=fleet.restarts,
        lost_answers=fleet.network.lost_answers,
        cut_statements=fleet.network.cut_statements,
        gateway_starts=sum(gateway.starts for gateway in fleet.gateways),
    )


async def _make_faults(fleet: Fleet, faults: list[Fault], seconds: float, say: Say) -> None:
    began = time.monotonic()
    for fault in faults:
        await asyncio.sleep(max(0.0, began + fault.at_s - time.monotonic()))
        say(f"[{time.monotonic() - began:6.1f} s] {fault}")
        match fault:
            case KillGateway(_, gateway):
                await fleet.kill_gateway(gateway)
            case RestartPostgres(_, down_s):
                fleet.later(fleet.restart_postgres(down_s))
            case CutConnections(_, count, when):
                fleet.network.cut_next(count, when)
            case SlowNetwork(_, delay_ms, for_s):
                fleet.later(_slow(fleet, delay_ms / 1000, for_s))
    await asyncio.sleep(max(0.0, began + seconds - time.monotonic()))


async def _slow(fleet: Fleet, delay_s: float, for_s: float) -> None:
    fleet.network.delay_s = delay_s
    await asyncio.sleep(for_s)
    fleet.network.delay_s = 0.0


async def _judged(fleet: Fleet, load: Load) -> Verdicts:
    pool = await open_pool(fleet.direct_url, wait_s=60)
    try:
        deadline = time.monotonic() + ENDED_WITHIN_S
        while await still_held(pool) and time.monotonic() < deadline:  # noqa: ASYNC110 - Postgres knows
            await asyncio.sleep(0.2)
        return await judge(pool, fleet.direct_url, load, await fleet.served())
    finally:
        await pool.close()


def show(report: Report, say: Say) -> None:
    """The report for a person."""
    verdicts = report.verdicts
    say(f"faults: {report.kills} gateways killed ({report.gateway_starts} starts)")
    say(f"  {report.restarts} immediate restarts of Postgres")
    say(f"  {report.lost_answers} commits whose answer was lost")
    say(f"  {report.cut_statements} statements cut on their way")
    say(f"answers to clients: {dict(sorted(report.answers.items()))}")
    say(f"provider: {verdicts.served} calls served")
    say(f"holds: {dict(sorted(verdicts.holds.items()))}")
    say(f"admissions watched: {verdicts.admissions}")
    say(f"without an event: {len(verdicts.listed)}, ended up to {verdicts.late_s:.1f} s after their lease")
    for call in verdicts.listed:
        say(f"  {_line_of(call)}")
    for problem in report.problems:
        say(f"BROKEN: {problem}")
    say("every promise held" if not report.problems else f"{len(report.problems)} broken")


def _line_of(call: UnconfirmedCall) -> str:
    hold = call.hold
    what = f"{hold.key} {hold.payer.customer_id} {hold.detail.get('model')}"
    return f"{what}: charged {format_nanos(hold.charged_nanos or 0)}, its input: no event from {call.owner}"


def main() -> int:
    """Parses, runs, reports. Exit code 1 where a promise did not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.fault_run", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long faults happen (default 10)")
    parser.add_argument("--seed", type=int, default=None, help="the schedule's seed (default: a new one)")
    parser.add_argument("--show", action="store_true", help="print the schedule as JSON, and do nothing")
    parser.add_argument("--keep", type=Path, default=None, help="a new directory for the gateways' logs")
    arguments = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if arguments.seed is None else arguments.seed
    seconds = arguments.minutes * 60
    say(f"seed {seed}: {seconds:.0f} s")
    if arguments.show:
        say(
            json.dumps(
                [{"fault": type(one).__name__, **asdict(one)} for one in schedule(seed, seconds)], indent=1
            )
        )
        return 0
    directory = arguments.keep or Path(tempfile.mkdtemp(prefix="proxyllm-fault-run-"))
    directory.mkdir(exist_ok=True)
    report = asyncio.run(run(seed, seconds, directory, say))
    show(report, say)
    if report.problems:
        say(
            f'again: make fault-run ARGS="--minutes {arguments.minutes:g} --seed {seed}"; logs in {directory}'
        )
        return 1
    if arguments.keep is None:
        shutil.rmtree(directory)
    return 0


def say(text: str) -> None:
    """One line, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
