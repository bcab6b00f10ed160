"""Which faults happen when: a function of a seed, so that what went wrong can be done again.

Every round has each kind of fault once, in an order and at moments that the seed decides.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

ROUND_S = 40.0  # a killed gateway must have time to come back before the next one is killed
QUIET_S = 3.0  # at both ends of the run

When = Literal["answered", "sent"]


@dataclass(frozen=True, slots=True)
class KillGateway:
    """`kill -9` of one gateway, which is started again at once."""

    at_s: float
    gateway: int


@dataclass(frozen=True, slots=True)
class RestartPostgres:
    """Immediate shutdown, as a crash; started again after `down_s`."""

    at_s: float
    down_s: float


@dataclass(frozen=True, slots=True)
class CutConnections:
    """The next `count` ledger statements lose their connection.

    `answered`: Postgres has committed and its answer is lost. `sent`: the statement is on its way, and nobody
    knows how far it came.
    """

    at_s: float
    count: int
    when: When


@dataclass(frozen=True, slots=True)
class SlowNetwork:
    """Everything to and from Postgres takes `delay_ms` longer each way, for `for_s`."""

    at_s: float
    delay_ms: int
    for_s: float


Fault = KillGateway | RestartPostgres | CutConnections | SlowNetwork


def schedule(seed: int, seconds: float, gateways: int = 3) -> list[Fault]:
    """The faults of a run of `seconds` (≥ 20), in order of time. The same arguments, the same faults."""
    if seconds < 20:
        raise ValueError("a fault run takes 20 seconds or more")
    chance = random.Random(seed)
    rounds = max(1, round((seconds - 2 * QUIET_S) / ROUND_S))
    round_s = (seconds - 2 * QUIET_S) / rounds
    killed: list[int] = []
    faults: list[Fault] = []
    for number in range(rounds):
        makers = _makers(chance, gateways, killed)
        chance.shuffle(makers)
        slot_s = round_s / len(makers)
        for slot, make in enumerate(makers):
            moment_s = QUIET_S + number * round_s + (slot + 0.5 * chance.random()) * slot_s
            faults.append(make(round(moment_s, 3)))
    return faults


def _makers(chance: random.Random, gateways: int, killed: list[int]) -> list[Callable[[float], Fault]]:
    """One maker for each fault of a round; by `killed` no gateway is killed twice in a row."""

    def kill(at_s: float) -> Fault:
        gateway = chance.choice([number for number in range(gateways) if number not in killed[-1:]])
        killed.append(gateway)
        return KillGateway(at_s, gateway)

    return [
        kill,
        lambda at_s: RestartPostgres(at_s, round(chance.uniform(0.2, 2.5), 3)),
        lambda at_s: CutConnections(at_s, chance.randint(3, 12), "answered"),
        lambda at_s: CutConnections(at_s, chance.randint(3, 12), "sent"),
        lambda at_s: SlowNetwork(at_s, chance.randint(20, 250), round(chance.uniform(2.0, 5.0), 3)),
    ]
