"""The tailnet without a gateway: `python -m tests.tailnet.alone`. Prints each status as a line of JSON."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
from dataclasses import asdict

from billing.settings import Settings
from gateway.tailnet import open_tailnet
from gateway.tailnet.status import TailnetStatus


def tell(status: TailnetStatus) -> None:
    sys.stdout.write(json.dumps(asdict(status)) + "\n")
    sys.stdout.flush()


async def main() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with open_tailnet(Settings(), tell):
        await stop.wait()


if __name__ == "__main__":
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    asyncio.run(main())
