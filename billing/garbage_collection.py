"""When Python may collect garbage: not while LiteLLM is imported, not over what stays, not in mid-allocation.

A full collection visits every container object. LiteLLM's import leaves some 700,000, so that one collection
stops the event loop for most of a second, at whatever call it happens to fall on.

Before 3.12 Python collects inside the allocation that passes a threshold. If that happens while a context
variable is assigned, and a finalizer assigns one as well, the process ends by SIGSEGV (CPython gh-148891). A
gateway assigns context variables in every call, and streams that nobody reads any more end in finalizers.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

LOOK_S = 0.02  # a gateway at full load makes some thousand objects meanwhile
_FROZEN_GROWTH = 1.25  # what first calls import and cache stays, too: so much more is exempted later
_OLD_GROWTH = 1.25  # CPython's own rule: a full collection pays once the old objects have become so many more


@contextmanager
def paused_collection() -> Iterator[None]:
    """Turns collection off for an import: it takes a fifth less CPU, and its objects are no garbage."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def freeze_started() -> int:
    """Collects once, and exempts what is left from later collections. Call it when the process is ready.

    Returns how many objects those are.
    """
    gc.collect()
    gc.freeze()
    return gc.get_freeze_count()


@asynccontextmanager
async def collecting_between_callbacks() -> AsyncIterator[None]:
    """Has the running event loop collect in callbacks of its own, and nothing else collect, until the end."""
    with paused_collection():
        collecting = asyncio.create_task(_collect_for_ever())
        try:
            yield
        finally:
            collecting.cancel()
            await asyncio.wait([collecting])


async def _collect_for_ever() -> None:
    frozen_max = int(gc.get_freeze_count() * _FROZEN_GROWTH)
    survivors = 0
    while True:
        await asyncio.sleep(LOOK_S)
        survivors = _collect(survivors, frozen_max)


def _collect(survivors: int, frozen_max: int) -> int:
    """Collects the generations that are due by Python's thresholds.

    Takes and returns how many objects were left after the last full collection. They are exempted from later
    ones while fewer than `frozen_max` are.
    """
    counts, limits = gc.get_count(), gc.get_threshold()
    young, middle, old = (count > limit for count, limit in zip(counts, limits, strict=True))
    if not young:
        return survivors
    if not middle:
        gc.collect(0)
        return survivors
    if not old or len(gc.get_objects(generation=2)) < survivors * _OLD_GROWTH:
        gc.collect(1)
        return survivors
    gc.collect()
    if gc.get_freeze_count() < frozen_max:
        gc.freeze()
    return len(gc.get_objects(generation=2))
