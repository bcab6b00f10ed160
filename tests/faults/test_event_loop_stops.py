"""How stops of an event loop are measured, in a process that stops its own by sleeping and by working."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks import event_loop

STOPPED = """
import asyncio, time

async def serve(name):
    await asyncio.sleep(0.05)
    time.sleep(0.3)
    await asyncio.sleep(0.05)
    began = time.thread_time()
    while time.thread_time() - began < 0.1:
        pass
    await asyncio.sleep(0.05)

asyncio.run(serve("gateway"))
"""


def test_tells_what_a_stop_took_on_the_clock_and_in_cpu(tmp_path: Path) -> None:
    folder = tmp_path / "delays"
    environment = os.environ | event_loop.environment(folder)
    began = time.monotonic()
    process = subprocess.Popen([sys.executable, "-c", STOPPED], env=environment)
    assert process.wait(30) == 0
    stops = event_loop.stops(folder, process.pid, began, time.monotonic())
    assert stops.longest_ms >= 290
    assert 90 <= stops.longest_cpu_ms < 290
    assert stops.of_10_ms_or_more >= stops.of_50_ms_or_more >= 2
    assert event_loop.stops(folder, process.pid, time.monotonic(), time.monotonic()).longest_ms == 0
