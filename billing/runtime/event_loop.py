"""Keeps the event loop responsive: one thread serves all callers of a process."""

from __future__ import annotations

import asyncio


async def give_way() -> None:
    """Lets all other ready tasks run, such as the one that learns of a disconnect.

    Awaiting data that is already available does not suspend a coroutine: a stream between a fast provider and
    a fast client would run from start to end before anything else runs.
    """
    await asyncio.sleep(0)
