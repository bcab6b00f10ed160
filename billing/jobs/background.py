"""Work that repeats for as long as the gateway lives."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from billing.errors import Unavailable

logger = logging.getLogger(__name__)


class Background:
    """Runs each piece of work every so often, one run at a time; a failed run is logged and tried again."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    def every(self, interval_s: float, name: str, work: Callable[[], Awaitable[object]]) -> None:
        """Starts `work` now, and again `interval_s` after each run's end."""
        self._tasks.append(asyncio.get_running_loop().create_task(_repeat(interval_s, name, work)))

    async def stop(self) -> None:
        """Cancels everything and waits for it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()


async def _repeat(interval_s: float, name: str, work: Callable[[], Awaitable[object]]) -> None:
    while True:
        try:
            await work()
        except Unavailable as error:
            logger.warning("%s is waiting: %s", name, error)
        except Exception:  # the outermost loop of a task: one bad run must not end all later ones
            logger.exception("%s failed", name)
        await asyncio.sleep(interval_s)
