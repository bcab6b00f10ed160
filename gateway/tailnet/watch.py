"""Checks whether the other end of open connections is still there: TCP alone would take hours to notice.

A client that waits for an answer sends nothing, so no packet is missed. And a device that was briefly away,
or whose tailscaled restarted, no longer knows the connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from gateway.tailnet.errors import TailnetError


async def until_gone(session: Callable[[], Awaitable[str]], *, interval_s: float, gone_after_s: float) -> str:
    """Asks for the device's `session` every `interval_s`; returns why the connections are dead.

    That is the case after `gone_after_s` without an answer, or when the session has changed.
    """
    loop = asyncio.get_running_loop()
    answered_at = loop.time()
    first: str | None = None
    while True:
        next_look = loop.time() + interval_s
        try:
            async with asyncio.timeout(interval_s):
                seen = await session()
        except (TimeoutError, TailnetError):
            if loop.time() - answered_at >= gone_after_s:
                return f"no answer for {loop.time() - answered_at:.0f} s"
        else:
            answered_at = loop.time()
            first = first or seen
            if seen != first:
                return "the device was restarted"
        await asyncio.sleep(max(0.0, next_look - loop.time()))
