"""How long the event loop serves nobody: told by a timer that it comes back to too late."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from billing.metrics.instruments import EVENT_LOOP_DELAY, EVENT_LOOP_DELAY_MAX

logger = logging.getLogger(__name__)

LOOK_S = 0.1
WARNED_OF_S = 1.0


class EventLoopDelay:
    """Called every `LOOK_S` seconds, sees by how much the event loop is late."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: float | None = None
        self._longest_s = 0.0

    async def look(self) -> None:
        """Once. The delay is what has passed since the last look beyond the time between two."""
        now, last = self._clock(), self._last
        self._last = now
        if last is None:
            return
        delay_s = max(0.0, now - last - LOOK_S)
        EVENT_LOOP_DELAY.observe(delay_s)
        if delay_s > self._longest_s:
            self._longest_s = delay_s
            EVENT_LOOP_DELAY_MAX.set(delay_s)
        if delay_s > WARNED_OF_S:
            logger.warning("the event loop served nobody for %.1f seconds", delay_s)
