"""Keeping the event loop free: one process serves all its callers from one thread."""

from __future__ import annotations

import asyncio


async def give_way() -> None:
    """Lets everything else that is ready have its turn, such as the news that this client has left.

    Awaiting data that is there already does not stop a coroutine: a stream whose provider and client are both
    fast would run from its first piece to its last before anybody else is served.
    """
    await asyncio.sleep(0)
