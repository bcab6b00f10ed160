"""Work that repeats for as long as the gateway lives."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from billing.errors import Unavailable

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Repeated:
    """Work of a feature that every process does again, `interval_s` after each run's end.

    It must be safe on any number of replicas: where only one may do something, it claims it in Postgres.
    """

    name: str
    interval_s: float
    work: Callable[[], Awaitable[object]]


class Background:
    """Runs each piece of work every so often, one run at a time; a failed run is logged and tried again."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, jobs: Iterable[Repeated]) -> None:
        """Starts each now."""
        loop = asyncio.get_running_loop()
        self._tasks += [loop.create_task(_repeat(job)) for job in jobs]

    async def stop(self) -> None:
        """Cancels everything and waits for it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()


async def _repeat(job: Repeated) -> None:
    while True:
        try:
            await job.work()
        except Unavailable as error:
            logger.warning("%s is waiting: %s", job.name, error)
        except Exception:  # the outermost loop of a task: one bad run must not end all later ones
            logger.exception("%s failed", job.name)
        await asyncio.sleep(job.interval_s)
