"""Waiting in tests: for a condition, with a deadline, never for a fixed time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_PAUSE = threading.Event()


def eventually(condition: Callable[[], bool], timeout_s: float = 20.0, every_s: float = 0.05) -> None:
    """Returns as soon as `condition` holds; fails the test if it does not within `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s} s: {condition}")
        _PAUSE.wait(every_s)
