"""Measures, inside a gateway of any version, how long its event loop serves nobody.

Python imports a module of this name when it starts, where `PYTHONPATH` names its folder. In a gateway's
process it waits for the event loop and has it call back every 5 ms. Each time that this happens too late is a
line in a file: when (seconds of the monotonic clock), how much too late, and how much CPU the loop's thread
took since the time before (milliseconds). Where other programs take the cores, only the first of the two
grows.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

FOLDER = "PROXYLLM_BENCHMARK_LOOP_DELAYS"
TICK_S = 0.005
RECORDED_S = 0.01


def _watch(loop: asyncio.AbstractEventLoop, path: Path) -> None:
    file = path.open("a", buffering=1)

    def tick(due_s: float, cpu_before_s: float) -> None:
        now_s, cpu_s = time.monotonic(), time.thread_time()
        if now_s - due_s > RECORDED_S:
            file.write(f"{now_s:.3f} {(now_s - due_s) * 1000:.1f} {(cpu_s - cpu_before_s) * 1000:.1f}\n")
        loop.call_later(TICK_S, tick, time.monotonic() + TICK_S, time.thread_time())

    tick(time.monotonic(), time.thread_time())


def _install(path: Path) -> None:
    """Waits for the first loop that runs: asyncio and uvloop both say so by this function."""
    set_running_loop = asyncio._set_running_loop

    def watched(loop: asyncio.AbstractEventLoop | None) -> None:
        set_running_loop(loop)
        if loop is not None:
            asyncio._set_running_loop = asyncio.events._set_running_loop = set_running_loop
            loop.call_soon(_watch, loop, path)

    asyncio._set_running_loop = asyncio.events._set_running_loop = watched


if FOLDER in os.environ and any("gateway" in word for word in sys.orig_argv):
    _install(Path(os.environ[FOLDER]) / str(os.getpid()))
