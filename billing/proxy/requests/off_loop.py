"""Runs work on large documents outside the event loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from billing.proxy.max_cost.tokens import in_counting_thread

Result = TypeVar("Result")

ELEMENTS_MIN = 10_000  # in a document: parsing or checking this many takes 2 ms, half a million 150


async def off_loop(elements: int, work: Callable[[], Result]) -> Result:
    """Runs `work` directly, or in a thread if it would block the event loop for too long."""
    return work() if elements < ELEMENTS_MIN else await in_counting_thread(work)
