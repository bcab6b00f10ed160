"""Work on large documents, away from the event loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from billing.proxy.max_cost.tokens import in_counting_thread

Result = TypeVar("Result")

ELEMENTS_MIN = 10_000  # of a document: to parse or to check as many takes 2 ms, half a million 150


async def off_loop(elements: int, work: Callable[[], Result]) -> Result:
    """Does it at once, or in a thread where others would wait for it too long."""
    return work() if elements < ELEMENTS_MIN else await in_counting_thread(work)
