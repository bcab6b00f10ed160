"""Runs periodic work for as long as the gateway lives."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from billing.errors import Unavailable

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Repeated:
    """Work that every process repeats, `interval_s` seconds after the previous run ended.

    It must be safe on any number of replicas: work that only one may do is claimed in Postgres.
    """

    name: str
    interval_s: float
    work: Callable[[], Awaitable[object]]


class Background:
    """Runs each job periodically, one run at a time; failed runs are logged and retried."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, jobs: Iterable[Repeated]) -> None:
        """Starts all jobs now."""
        loop = asyncio.get_running_loop()
        self._tasks += [loop.create_task(_repeat(job)) for job in jobs]

    async def stop(self) -> None:
        """Cancels all jobs and waits for them."""
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
        except Exception:  # outermost loop of a task: one failed run must not prevent later ones
            logger.exception("%s failed", job.name)
        await asyncio.sleep(job.interval_s)
