"""Runs garbage collection neither during LiteLLM's import, nor over permanent objects, nor in allocations.

A full collection visits every container object. LiteLLM's import leaves some 700,000, so one collection
blocks the event loop for most of a second, during an arbitrary call.

Before 3.12 Python collects inside the allocation that passes a threshold. If that happens while a context
variable is assigned, and a finalizer assigns one as well, the process crashes with SIGSEGV (CPython
gh-148891). A gateway assigns context variables in every call, and abandoned streams end in finalizers.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

logger = logging.getLogger(__name__)

LOOK_S = 0.02  # a gateway at full load creates about a thousand objects in between
_FROZEN_LATER = 0.25  # relative to the frozen objects: what first calls import and cache stays, too
_OLD_GROWTH = 1.25  # CPython's own rule: collect fully once the old objects have grown by this factor


@contextmanager
def paused_collection() -> Iterator[None]:
    """Turns collection off during an import: it takes a fifth less CPU, and its objects are no garbage."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def freeze_started() -> int:
    """Collects once, and exempts the remaining objects from later collections. Call it when the process is
    ready.

    Returns the number of exempt objects.
    """
    gc.collect()
    gc.freeze()
    return gc.get_freeze_count()


@asynccontextmanager
async def collecting_between_callbacks() -> AsyncIterator[None]:
    """Collects in the event loop's own callbacks, and turns automatic collection off, until exit."""
    with paused_collection():
        collecting = asyncio.create_task(_Collector(gc.get_freeze_count()).collect_for_ever())
        try:
            yield
        finally:
            collecting.cancel()
            await asyncio.wait([collecting])


class _Collector:
    """Collects the generations that are due by Python's thresholds."""

    def __init__(self, frozen: int) -> None:
        self._may_freeze = int(frozen * _FROZEN_LATER)
        self._survivors = 0  # of the last full collection, not frozen

    async def collect_for_ever(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                self._collect()
            except Exception:  # such as MemoryError: nothing else collects, so this must continue
                logger.exception("collecting garbage failed")

    def _collect(self) -> None:
        counts, limits = gc.get_count(), gc.get_threshold()
        young, middle, old = (count > limit for count, limit in zip(counts, limits, strict=True))
        if not young:
            return
        if not middle:
            gc.collect(0)
        elif not old or _old_objects() < self._survivors * _OLD_GROWTH:
            gc.collect(1)
        else:
            gc.collect()
            self._survivors = _old_objects()
            self._freeze()

    def _freeze(self) -> None:
        if self._survivors <= self._may_freeze:
            gc.freeze()
            self._may_freeze -= self._survivors
            self._survivors = 0


def _old_objects() -> int:
    return len(gc.get_objects(generation=2))
