"""Shares one look-up between concurrent requests for the same thing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Runs at most one look-up per name at a time."""

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Task[T]] = {}

    async def result(self, name: str, look_up: Callable[[], Awaitable[T]]) -> T:
        """Returns the result of the running look-up of `name`, or of a new one; raises its error.

        Cancelling one waiter does not cancel the look-up for the others.
        """
        task = self._running.get(name)
        if task is None:
            task = asyncio.ensure_future(_run(look_up))
            self._running[name] = task
            task.add_done_callback(lambda done: self._forget(name, done))
        return await asyncio.shield(task)

    def _forget(self, name: str, task: asyncio.Task[T]) -> None:
        del self._running[name]
        if not task.cancelled():
            task.exception()  # already raised to the waiters, or nobody is waiting any more


async def _run(look_up: Callable[[], Awaitable[T]]) -> T:
    return await look_up()
