"""Ordinary calls of four customers, and how long the gateway's event loop stops at most meanwhile.

Measured inside the gateway's process, without a change to it, and seen from outside as the wait for
`GET /health/liveness`, asked 20 times a second, which includes the work of the calls before it.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from pathlib import Path

import httpx
from pydantic import BaseModel

from benchmarks.event_loop import Stops
from benchmarks.gateways import Run, running
from benchmarks.hostile import customers, paying
from benchmarks.hostile.helpers import helper
from benchmarks.hostile.probe import Seen
from benchmarks.tables import Measured, Row

CALLERS = 4
WARM_UP_CALLS = 100
PROBES_A_SECOND = 20.0
HERE, OTHER = "this checkout", "the other checkout"


class Ordinary(BaseModel):
    """What the calls came to."""

    paying: paying.Calls
    liveness: Seen
    charged_nanos: int
    cost_of_answers_nanos: int
    event_loop: Stops


async def measure(calls: int, other: Path | None) -> Measured:
    """`calls` calls on this checkout; before that, on another one if there is one."""
    results: dict[str, Ordinary] = {}
    for name, checkout in ((OTHER, other), (HERE, None)):
        if name == OTHER and other is None:
            continue
        with running(checkout, is_watched=True) as run:
            results[name] = await _measure(run, calls)
        print(f"{name}: {results[name].event_loop}", file=sys.stderr)
    summary: dict[str, object] = {name: result.model_dump() for name, result in results.items()}
    return Measured({"calls": calls, **summary}, [_row(name, result) for name, result in results.items()])


async def _measure(run: Run, calls: int) -> Ordinary:
    url = httpx.URL(run.gateway.url)
    credit = {f"paying-{number}": "100" for number in range(CALLERS)}
    made = list((await customers.make(run.gateway.url, run.master_key, credit)).values())
    callers = [paying.Caller(run.gateway.url, customer, paying.ALL, 0.0) for customer in made]
    await _call(callers, WARM_UP_CALLS)
    earlier = await _spent(run, made)
    for caller in callers:
        caller.forget()
    began = time.monotonic()
    options = ("--host", url.host, "--port", str(url.port), "--a-second", str(PROBES_A_SECOND))
    async with helper("benchmarks.hostile.probe", *options) as probe:
        await _call(callers, calls)
        seen = Seen.model_validate_json(await probe.last_words())
    ended = time.monotonic()
    return Ordinary(
        paying=paying.calls_of(callers),
        liveness=seen,
        charged_nanos=await _spent(run, made) - earlier,
        cost_of_answers_nanos=sum(caller.cost_nanos for caller in callers),
        event_loop=run.stops(began, ended),
    )


async def _call(callers: list[paying.Caller], calls: int) -> None:
    left = itertools.count(calls, -1)
    await asyncio.gather(*(caller.call_while(lambda: next(left) > 0) for caller in callers))


async def _spent(run: Run, made: list[customers.Customer]) -> int:
    accounts = await asyncio.gather(*(customers.settled(run.gateway.url, one) for one in made))
    return sum(account.spent_nanos for account in accounts)


def _row(name: str, result: Ordinary) -> Row:
    alive, called = result.liveness.answered_after_ms, result.paying.answered_after_ms
    return {
        "gateway": name,
        "ok": result.paying.ok,
        "failed": result.paying.failed,
        "call_p50_ms": called.p50 if called else -1.0,
        "call_p99_ms": called.p99 if called else -1.0,
        "liveness_p50_ms": alive.p50 if alive else -1.0,
        "liveness_p99_ms": alive.p99 if alive else -1.0,
        "liveness_max_ms": alive.max if alive else -1.0,
        "longest_stop_ms": result.event_loop.longest_ms,
        "longest_stop_cpu_ms": result.event_loop.longest_cpu_ms,
        "stops_of_50_ms": result.event_loop.of_50_ms_or_more,
    }
