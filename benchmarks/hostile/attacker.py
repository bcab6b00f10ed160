"""`python -m benchmarks.hostile.attacker`: all attacks from one process, at a low priority.

Reads an `Order` from its input, makes the bodies, prints a line when it is ready, attacks from the next line
of its input on, and prints a `Report`.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

import uvloop
from pydantic import BaseModel

from benchmarks.hostile.attacks import ATTACKS, Attack, Keys, Target
from benchmarks.hostile.measure import Spread
from benchmarks.hostile.wire import UNDER_WAY, Address, Outcome

NICENESS = 10


class Order(BaseModel):
    """Whom to attack, how, and for how long. `pace`: a factor of all rates."""

    host: str
    port: int
    keys: Keys
    names: list[str]
    seconds: float
    pace: float = 1.0


class Achieved(BaseModel):
    """What one kind of attack got. `held_back`: attempts not made since too many were under way."""

    attempts: int
    held_back: int
    sent_mb: float
    endings: dict[str, int]
    answered_after_s: Spread | None


class Report(BaseModel):
    """What all attacks got, and what they cost this process."""

    achieved: dict[str, Achieved]
    cpu_s: float


@dataclass(slots=True)
class _Wave:
    """One kind of attack while it runs."""

    name: str
    attack: Attack
    outcomes: list[Outcome] = field(default_factory=list)
    open: set[asyncio.Task[None]] = field(default_factory=set)
    attempts: int = 0
    held_back: int = 0

    async def run(self, seconds: float, pace: float) -> None:
        """Attempts at the attack's rate until the time is over; what is under way then is dropped."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number in itertools.count():
            at = began + number / (self.attack.a_second * pace)
            if at >= began + seconds:
                break
            await asyncio.sleep(at - loop.time())
            if len(self.open) >= self.attack.open_max:
                self.held_back += 1
                continue
            self.attempts += 1
            task = loop.create_task(self._attempt())
            self.open.add(task)
            task.add_done_callback(self.open.discard)
        await asyncio.sleep(began + seconds - loop.time())
        dropped = list(self.open)
        for task in dropped:
            task.cancel()
        await asyncio.gather(*dropped, return_exceptions=True)

    async def _attempt(self) -> None:
        self.outcomes.append(await self.attack.attempt())

    def achieved(self) -> Achieved:
        endings = Counter(outcome.how for outcome in self.outcomes)
        return Achieved(
            attempts=self.attempts,
            held_back=self.held_back,
            sent_mb=round(sum(outcome.sent_bytes for outcome in self.outcomes) / 1e6, 1),
            endings=dict(endings.most_common()),
            answered_after_s=Spread.of([one.seconds for one in self.outcomes if one.how != UNDER_WAY]),
        )


async def _attack(order: Order, waves: list[_Wave]) -> Report:
    cpu_s = time.process_time()
    results = await asyncio.gather(
        *(wave.run(order.seconds, order.pace) for wave in waves), return_exceptions=True
    )
    for result in results:
        if result is not None:
            raise result
    achieved = {wave.name: wave.achieved() for wave in waves}
    return Report(achieved=achieved, cpu_s=round(time.process_time() - cpu_s, 1))


def main() -> None:
    """Attacks as ordered."""
    os.nice(NICENESS)
    order = Order.model_validate_json(sys.stdin.readline())
    target = Target(Address(order.host, order.port), order.keys)
    waves = [_Wave(name, ATTACKS[name](target)) for name in order.names]
    print("ready", flush=True)
    sys.stdin.readline()
    print(uvloop.run(_attack(order, waves)).model_dump_json(), flush=True)


if __name__ == "__main__":
    main()
