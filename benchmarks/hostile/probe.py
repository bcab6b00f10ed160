"""`python -m benchmarks.hostile.probe`: asks a gateway again and again whether it lives.

A question goes out at its time whether or not earlier ones were answered, so that a gateway that stops for a
second is seen to stop by all questions of that second. Each has a connection of its own, as an
orchestrator's. Ends with its input, and prints a `Seen`.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import sys

import uvloop
from pydantic import BaseModel

from benchmarks.hostile.measure import Spread
from benchmarks.hostile.wire import Address, Connection, Outcome, attempt, request

ANSWER_WITHIN_S = 60.0
OPEN_MAX = 4_000


class Seen(BaseModel):
    """What the questions came to.

    What was not answered counts with the time that was waited for it. `late_ms`: how late this process sent
    them, which is not the gateway's doing.
    """

    asked: int
    failed: int
    answered_after_ms: Spread | None
    late_ms: Spread | None


async def watch(address: Address, a_second: float, end: asyncio.Event) -> Seen:
    """Asks until `end`, then waits for the answers that are missing."""
    loop = asyncio.get_running_loop()
    head = address.head("GET", "/health/liveness", {"Connection": "close"})
    outcomes: list[Outcome] = []
    late_ms: list[float] = []
    began = loop.time()

    async def ask(connection: Connection) -> str:
        return await request(connection, head)

    async def one() -> None:
        outcomes.append(await attempt(address, ask, ANSWER_WITHIN_S))

    async with asyncio.TaskGroup() as group:
        for number in itertools.count():
            at = began + number / a_second
            await asyncio.sleep(at - loop.time())
            if end.is_set() or number - len(outcomes) >= OPEN_MAX:
                break
            late_ms.append(max(0.0, loop.time() - at) * 1000)
            group.create_task(one())
    return Seen(
        asked=len(outcomes),
        failed=sum(outcome.how != "200" for outcome in outcomes),
        answered_after_ms=Spread.of([outcome.seconds * 1000 for outcome in outcomes], 1),
        late_ms=Spread.of(late_ms, 1),
    )


async def _until_input_ends(address: Address, a_second: float) -> Seen:
    end = asyncio.Event()
    loop = asyncio.get_running_loop()

    def ended() -> None:
        loop.remove_reader(sys.stdin)
        end.set()

    loop.add_reader(sys.stdin, ended)
    return await watch(address, a_second, end)


def main() -> None:
    """Watches until the input ends."""
    parser = argparse.ArgumentParser(prog="benchmarks.hostile.probe", description=__doc__)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--a-second", type=float, required=True)
    options = parser.parse_args()
    address = Address(options.host, options.port)
    print(uvloop.run(_until_input_ends(address, options.a_second)).model_dump_json(), flush=True)


if __name__ == "__main__":
    main()
