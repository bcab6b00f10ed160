"""Measures how long the event loop is blocked, from how late it runs a timer."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from billing.metrics.instruments import EVENT_LOOP_DELAY, EVENT_LOOP_DELAY_MAX

logger = logging.getLogger(__name__)

LOOK_S = 0.1
WARNED_OF_S = 1.0


class EventLoopDelay:
    """Called every `LOOK_S` seconds; records how late the event loop is."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: float | None = None
        self._longest_s = 0.0

    async def look(self) -> None:
        """Measures once: the delay is the time since the last call minus the interval."""
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
            logger.warning("the event loop was blocked for %.1f seconds", delay_s)
