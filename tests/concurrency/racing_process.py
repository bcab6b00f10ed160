"""A process of its own that races for holds: `python -m … URL PLAN NUMBER`, the plan that of `race.py`.

Prints `ready`, waits for a line on its input, and prints JSON: how much was admitted of each account, in
nanos, and what went wrong.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator

import uvloop

from billing.database import open_pool
from billing.errors import InsufficientCredits, LedgerBusy, LedgerUnavailable
from billing.ledger import Ledger
from billing.ledger.schemas import HoldRequest, LedgerLimits, Settlement
from tests.concurrency.race import CALLERS, SETTLED_EVERY, UNIT_NANOS, Plan, payer

LEASE_S = 3600  # longer than any race
WRONG_MAX = 10  # that are told


class Racer:
    """Its share of all holds, in an order of its own."""

    def __init__(self, ledger: Ledger, plan: Plan, number: int) -> None:
        self._ledger = ledger
        self._number = number
        self.admitted: Counter[str] = Counter()
        self.refused = 0
        self.wrong: list[str] = []
        asks = [account for account, holds in plan.share(number).items() for _ in range(holds)]
        random.Random(f"{plan.seed}/{number}").shuffle(asks)
        self._asks: Iterator[tuple[int, str]] = iter(enumerate(asks))

    async def race(self) -> None:
        """All callers at once, each with one hold after the other."""
        await asyncio.gather(*(self._caller() for _ in range(CALLERS)))

    async def _caller(self) -> None:
        for turn, account in self._asks:
            key = f"p{self._number}-{turn}"
            try:
                await self._ledger.hold(HoldRequest(key, payer(account), UNIT_NANOS, 0, LEASE_S))
                self.admitted[account] += UNIT_NANOS
                if turn % SETTLED_EVERY == 0:
                    await self._ledger.settle(Settlement(key, UNIT_NANOS, "finished", "race"))
            except InsufficientCredits:
                self.refused += 1
            except (LedgerBusy, LedgerUnavailable) as error:
                self.wrong.append(f"{key}: {error}")


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def main(url: str, plan: Plan, number: int) -> None:
    """One race."""
    pool = await open_pool(url, wait_s=60)
    async with Ledger(pool, owner=f"p{number}", limits=LedgerLimits(wait_s=60)) as ledger:
        racer = Racer(ledger, plan, number)
        say("ready")
        await asyncio.to_thread(sys.stdin.readline)
        await racer.race()
        say(
            json.dumps(
                {"admitted": racer.admitted, "refused": racer.refused, "wrong": racer.wrong[:WRONG_MAX]}
            )
        )
    await pool.close()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], Plan.read(sys.argv[2]), int(sys.argv[3])))
