"""`make race`: holds of four processes race for hot and cold accounts that cannot pay for all of them.

    python -m tests.concurrency.race --holds 1000000

Each account has credit for exactly `PAID_PERCENT` of the holds that are asked of it, so what must be
admitted is known to the nano: one more is an over-admission, one less is credit that nobody could use.
Some holds are settled on the way.
Exit code 1 where anything differs.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from billing.database import Pool, migrate, open_pool
from billing.ledger import Ledger
from billing.ledger.schemas import Entry, Payer, TransactionKind
from tests.postgres_server import PostgresServer

PROCESSES = 4
CALLERS = 128  # of a process
HOT, COLD = 4, 1000  # accounts
PAID_PERCENT = 80
UNIT_NANOS = 7
SETTLED_EVERY = 4
PROCESS_WITHIN_S = 60.0
HOLDS_A_SECOND_MIN = 200  # slower than that is a hang


@dataclass(frozen=True, slots=True)
class Plan:
    """Who asks for how much: half of all holds on the hot accounts, half on the cold ones."""

    holds: int
    seed: int

    @staticmethod
    def read(text: str) -> Plan:
        return Plan(**json.loads(text))

    def text(self) -> str:
        return json.dumps(asdict(self))

    def asked(self) -> dict[str, int]:
        """Holds by account, of all processes."""
        hot, cold = self.holds // 2 // HOT, self.holds // 2 // COLD
        return {f"hot-{n}": hot for n in range(HOT)} | {f"cold-{n}": cold for n in range(COLD)}

    def share(self, process: int) -> dict[str, int]:
        """The holds of one process by account: as even as it goes."""
        return {
            account: holds // PROCESSES + (1 if (index + process) % PROCESSES < holds % PROCESSES else 0)
            for index, (account, holds) in enumerate(self.asked().items())
        }

    def paid(self) -> dict[str, int]:
        """How many holds each account has credit for."""
        return {account: holds * PAID_PERCENT // 100 for account, holds in self.asked().items()}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a race. `problems` is empty where nothing was admitted twice, beyond, or lost."""

    holds: int
    admitted: int
    refused: int
    seconds: float
    problems: list[str]

    @property
    def holds_per_s(self) -> float:
        return self.holds / self.seconds


def payer(account: str) -> Payer:
    """The account's payer."""
    return Payer("user_id", account)


async def race(url: str, plan: Plan) -> Outcome:
    """Races on a migrated, empty database."""
    pool = await open_pool(url, wait_s=60)
    async with Ledger(pool, owner="race") as ledger:
        await _fund(ledger, plan)
        with _racers(url, plan) as racers:
            assert [await _line_of(racer) for racer in racers] == ["ready"] * PROCESSES
            began = time.perf_counter()
            for racer in racers:
                _start(racer)
            answers = await asyncio.gather(*map(_line_of, racers))
            seconds = time.perf_counter() - began
        reports = [json.loads(answer) for answer in answers]
        problems = await _problems(ledger, pool, plan, reports)
    await pool.close()
    admitted = sum(sum(report["admitted"].values()) for report in reports) // UNIT_NANOS
    refused = sum(report["refused"] for report in reports)
    return Outcome(admitted + refused, admitted, refused, seconds, problems)


async def _fund(ledger: Ledger, plan: Plan) -> None:
    for account, paid in plan.paid().items():
        entry = Entry(payer(account), TransactionKind.TOPUP, paid * UNIT_NANOS, f"topup:{account}", "Top-up")
        await ledger.post(entry)


async def _problems(ledger: Ledger, pool: Pool, plan: Plan, reports: list[dict[str, object]]) -> list[str]:
    """Compares what must be, what the processes were told, and what the books say."""
    told: Counter[str] = Counter()
    problems: list[str] = []
    for report in reports:
        assert isinstance(report["admitted"], dict)
        assert isinstance(report["wrong"], list)
        told.update(report["admitted"])
        problems += [f"not decided: {one}" for one in report["wrong"]]
    books = await _admitted_by_the_books(pool)
    for account, paid in plan.paid().items():
        if not told[account] == books.get(account, 0) == paid * UNIT_NANOS:
            problems.append(
                f"{account}: {paid * UNIT_NANOS} to admit, {told[account]} told, {books.get(account)} held"
            )
    problems += [
        f"beyond the balance: {account}"
        for account in await ledger.accounts(limit=1000)
        if account.available_nanos < 0
    ]
    problems += [f"the books do not agree: {found}" for found in await ledger.verify()]
    return problems


async def _admitted_by_the_books(pool: Pool) -> dict[str, int]:
    """What is held and what was spent by each account."""
    async with pool.connection() as connection:
        cursor = await connection.execute(
            'SELECT customer_id, held + total_spent FROM billing."LiteLLM_StripeBalanceTable"'
        )
        return {row[0]: row[1] for row in await cursor.fetchall()}


@contextlib.contextmanager
def _racers(url: str, plan: Plan) -> Iterator[list[subprocess.Popen[str]]]:
    command = [sys.executable, "-m", "tests.concurrency.racing_process", url, plan.text()]
    racers = [
        subprocess.Popen([*command, str(number)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for number in range(PROCESSES)
    ]
    try:
        yield racers
        for racer in racers:
            racer.wait(PROCESS_WITHIN_S)
    finally:
        for racer in racers:
            racer.kill()
            racer.communicate()


async def _line_of(racer: subprocess.Popen[str]) -> str:
    assert racer.stdout is not None
    return (await asyncio.to_thread(racer.stdout.readline)).strip()


def _start(racer: subprocess.Popen[str]) -> None:
    assert racer.stdin is not None
    racer.stdin.write("go\n")
    racer.stdin.flush()


async def race_on_new_server(plan: Plan) -> Outcome:
    """The race on an embedded PostgreSQL of its own, with its defaults: fsync is on."""
    server = await asyncio.to_thread(PostgresServer)
    try:
        url = server.create_database()
        await migrate(url)
        async with asyncio.timeout(PROCESS_WITHIN_S + plan.holds / HOLDS_A_SECOND_MIN):
            return await race(url, plan)
    finally:
        server.close()


def main() -> int:
    """Races and prints. Exit code 1 for anything that is not as it must be."""
    parser = argparse.ArgumentParser(prog="python -m tests.concurrency.race", description=__doc__)
    parser.add_argument("--holds", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    arguments = parser.parse_args()
    outcome = asyncio.run(race_on_new_server(Plan(arguments.holds, arguments.seed)))
    lines = [
        f"seed {arguments.seed}",
        f"{outcome.holds:,} holds of {PROCESSES} processes on {HOT} hot and {COLD:,} cold accounts",
        f"{outcome.admitted:,} admitted, {outcome.refused:,} refused, every {SETTLED_EVERY}th settled",
        f"{outcome.seconds:.1f} s, {outcome.holds_per_s:,.0f} holds a second",
        *outcome.problems,
        "0 over-admissions, 0 drift" if not outcome.problems else f"{len(outcome.problems)} problems",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if outcome.problems else 0


if __name__ == "__main__":
    sys.exit(main())
