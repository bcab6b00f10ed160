"""The gateway process's memory over many calls: what a call leaves behind."""

from __future__ import annotations

import sys
from collections.abc import Callable

import psutil

from benchmarks.calls import Kind, a_number
from benchmarks.gateways import running
from benchmarks.tables import Measured, Row

CALLERS = 16
STEPS = 20  # measurements
MEGABYTE = 1_048_576


async def measure(calls: int) -> Measured:
    """`calls` calls, chats and streams by turns, in steps; resident memory after each.

    The first half fills caches; what a call leaves behind is the growth of the second half.
    """
    rows: list[Row] = []
    with running() as run:
        resident_mb = _resident_mb(run.gateway.process)
        rows.append({"calls": 0, "resident_mb": resident_mb(), "calls_per_s": 0.0})
        for step in range(1, STEPS + 1):
            kind: Kind = "chat" if step % 2 else "stream"
            sample = await a_number([run.gateway.url], run.key, kind, CALLERS, calls // STEPS)
            rows.append(
                {
                    "calls": step * (calls // STEPS),
                    "resident_mb": resident_mb(),
                    "calls_per_s": round(sample.requests_per_s, 1),
                }
            )
            print(rows[-1], file=sys.stderr)
    first, half, last = (float(rows[index]["resident_mb"]) for index in (0, STEPS // 2, STEPS))
    bytes_a_call = (last - half) * MEGABYTE / (calls / 2)
    return Measured(
        {
            "calls": calls,
            "resident_mb": {"start": first, "half": half, "end": last},
            "bytes_a_call_in_the_second_half": round(bytes_a_call),
        },
        rows,
    )


def _resident_mb(process: psutil.Process) -> Callable[[], float]:
    return lambda: round(process.memory_info().rss / MEGABYTE, 1)
