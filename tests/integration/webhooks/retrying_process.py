"""A process that tries parked events once, to be killed meanwhile. Its settings are in the environment."""

from __future__ import annotations

import asyncio

from starlette.requests import Request

from billing.api.caller import Caller
from billing.api.services import open_billing
from billing.database import open_pool
from billing.ledger.service import Ledger
from billing.settings import Settings


async def _nobody(_request: Request) -> Caller:
    raise NotImplementedError


async def _main() -> None:
    settings = Settings()
    pool = await open_pool(settings)
    async with (
        Ledger(pool, owner="killed") as ledger,
        open_billing(settings, pool, ledger, _nobody) as billing,
    ):
        await billing.parked_events.retry_due()


if __name__ == "__main__":
    asyncio.run(_main())
