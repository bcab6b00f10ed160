"""A process of its own that asks for holds all at once: `python -m … URL PAYER COUNT AMOUNT PREFIX`.

Prints `ready`, waits for a line on its input, and prints how many holds were admitted.
"""

from __future__ import annotations

import asyncio
import sys

from billing.database import open_pool
from billing.errors import InsufficientCredits
from billing.ledger import Ledger
from billing.ledger.schemas import Hold, HoldRequest, Payer


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def main(url: str, customer_id: str, count: int, amount_nanos: int, prefix: str) -> None:
    pool = await open_pool(url, wait_s=30)
    async with Ledger(pool, owner=prefix) as ledger:
        say("ready")
        while line := await asyncio.to_thread(sys.stdin.readline):
            payer = Payer("user_id", f"{customer_id}{line.strip()}")
            requests = (
                HoldRequest(f"{prefix}-{line.strip()}-{number}", payer, amount_nanos, 0, 60)
                for number in range(count)
            )
            answers = await asyncio.gather(*map(ledger.hold, requests), return_exceptions=True)
            wrong = [a for a in answers if not isinstance(a, Hold | InsufficientCredits)]
            say(" ".join(map(str, (sum(isinstance(a, Hold) for a in answers), *wrong))))
    await pool.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]))
