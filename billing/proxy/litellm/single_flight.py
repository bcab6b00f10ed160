"""Lets those who ask for the same thing at the same time wait for one answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Runs at most one look-up of a name at a time."""

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Task[T]] = {}

    async def result(self, name: str, look_up: Callable[[], Awaitable[T]]) -> T:
        """What the look-up of `name` that is under way gives, or a new one; raises what it raises.

        One who is cancelled does not cancel it for the others.
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
            task.exception()  # has been raised to those who waited, or nobody waits any more


async def _run(look_up: Callable[[], Awaitable[T]]) -> T:
    return await look_up()
