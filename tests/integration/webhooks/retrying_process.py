"""A process that tries parked events once, to be killed meanwhile. Its settings are in the environment."""

from __future__ import annotations

import asyncio

from billing.database import open_pool
from billing.features import open_features
from billing.ledger.service import Ledger
from billing.settings import Settings


async def _main() -> None:
    settings = Settings()
    pool = await open_pool(settings)
    async with (
        Ledger(pool, owner="killed") as ledger,
        open_features(settings, pool, ledger) as features,
    ):
        await features.parked_events.retry_due()


if __name__ == "__main__":
    asyncio.run(_main())
