"""Ordinary calls of four customers, and how long the gateway's event loop stops at most meanwhile.

Seen from outside as the longest wait for `GET /health/liveness`, asked 50 times a second: that includes the work
of the calls that were before it, and other processes on the machine. A gateway that measures its own event loop
says so in `/metrics`, and then that is reported, too.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import sys
from pathlib import Path

import httpx
from pydantic import BaseModel

from benchmarks.gateways import Run, running
from benchmarks.hostile import customers, paying
from benchmarks.hostile.helpers import helper
from benchmarks.hostile.probe import Seen
from benchmarks.tables import Measured, Row

CALLERS = 4
WARM_UP_CALLS = 100
PROBES_A_SECOND = 50.0
HERE, OTHER = "this checkout", "the other checkout"
_LOOP_METRIC = re.compile(r"^(\w*(?:event_)?loop\w*)(\{[^}]*\})? (\S+)$", re.MULTILINE)


class Ordinary(BaseModel):
    """What the calls came to. `loop_metrics`: what the gateway says of its event loop, before and after."""

    paying: paying.Calls
    liveness: Seen
    charged_nanos: int
    cost_of_answers_nanos: int
    loop_metrics: dict[str, tuple[float, float]]


async def measure(calls: int, other: Path | None) -> Measured:
    """`calls` calls on this checkout; before that, on another one if there is one."""
    results: dict[str, Ordinary] = {}
    for name, checkout in ((OTHER, other), (HERE, None)):
        if name == OTHER and other is None:
            continue
        with running(checkout) as run:
            results[name] = await _measure(run, calls)
        print(f"{name}: {results[name].liveness}", file=sys.stderr)
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
    before = await _loop_metrics(run)
    options = ("--host", url.host, "--port", str(url.port), "--a-second", str(PROBES_A_SECOND))
    async with helper("benchmarks.hostile.probe", *options) as probe:
        await _call(callers, calls)
        seen = Seen.model_validate_json(await probe.last_words())
    after = await _loop_metrics(run)
    return Ordinary(
        paying=paying.calls_of(callers),
        liveness=seen,
        charged_nanos=await _spent(run, made) - earlier,
        cost_of_answers_nanos=sum(caller.cost_nanos for caller in callers),
        loop_metrics={name: (before.get(name, 0.0), value) for name, value in after.items()},
    )


async def _call(callers: list[paying.Caller], calls: int) -> None:
    left = itertools.count(calls, -1)
    await asyncio.gather(*(caller.call_while(lambda: next(left) > 0) for caller in callers))


async def _spent(run: Run, made: list[customers.Customer]) -> int:
    accounts = await asyncio.gather(*(customers.settled(run.gateway.url, one) for one in made))
    return sum(account.spent_nanos for account in accounts)


async def _loop_metrics(run: Run) -> dict[str, float]:
    async with httpx.AsyncClient(timeout=60) as client:
        headers = {"Authorization": f"Bearer {run.master_key}"}
        answer = await client.get(f"{run.gateway.url}/metrics", headers=headers, follow_redirects=True)
    found = _LOOP_METRIC.findall(answer.raise_for_status().text)
    return {f"{name}{labels}": float(value) for name, labels, value in found}


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
    }
