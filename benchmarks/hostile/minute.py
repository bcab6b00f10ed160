"""One hostile minute against one gateway, and what became of its promises.

Beside the gateway run three processes: the attackers (at a low priority), the probe that asks whether the
gateway lives, and this one, whose paying callers check each answer. Nothing in it needs the gateway's source:
it measures the run of any checkout.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass

import httpx
import psutil
from pydantic import BaseModel

from benchmarks.event_loop import Stops
from benchmarks.gateways import Cpu, Run
from benchmarks.hostile import attacks, customers, paying
from benchmarks.hostile.attacker import Order, Report
from benchmarks.hostile.helpers import Helper, helper
from benchmarks.hostile.measure import Spread
from benchmarks.hostile.probe import Seen

MEGABYTE = 1_048_576
SAMPLE_S = 0.25
RECOVERED_WITHIN_S = 600.0
PROBES_A_SECOND = 20.0
CREDITS = {f"paying-{number}": "50" for number in range(4)} | {"broke": "0", "poor": "0.25", "leaver": "1"}
# What the gateway promises under attack.
LIVENESS_P99_MS, LIVENESS_MAX_MS = 250.0, 500.0
MEMORY_KEPT_MAX_MB = 200.0  # some 140 of them are the OpenAPI document, if the attackers are the first to ask


@dataclass(frozen=True, slots=True)
class Plan:
    """How long: a warm-up without attackers, the attack, and the rest after which memory is looked at."""

    names: Sequence[str] = tuple(attacks.ATTACKS)
    warm_up_s: float = 5.0
    seconds: float = 60.0
    rest_s: float = 30.0
    pace: float = 1.0
    pause_s: float = 0.1  # of a paying caller between two calls


class Memory(BaseModel):
    """Resident memory of the gateway's process: after the warm-up, at most, and after the rest."""

    before_mb: float
    peak_mb: float
    after_mb: float


class Used(BaseModel):
    """Seconds of CPU from the start of the attack until the gateway answers promptly again."""

    gateway_s: float
    engine_s: float
    postgres_s: float
    attackers_s: float


class Charges(BaseModel):
    """What the paying callers were charged, and what their answers cost by the usage in them."""

    charged_nanos: int
    cost_of_answers_nanos: int
    left_streams_nanos: Spread | None

    @property
    def are_exact(self) -> bool:
        return self.charged_nanos == self.cost_of_answers_nanos


class Kept(BaseModel):
    """Which promises held."""

    liveness: bool
    paying_calls: bool
    charges: bool
    memory: bool


class Minute(BaseModel):
    """All that was measured. `recovered_after_s`: from the end of the attack until it answers promptly."""

    seconds: float
    liveness: Seen
    recovered_after_s: float
    event_loop: Stops | None  # of a gateway that measures itself
    paying: paying.Calls
    charges: Charges
    memory: Memory
    cpu: Used
    attackers: Report

    def kept(self) -> Kept:
        """Judges by the thresholds above."""
        alive = self.liveness.answered_after_ms
        return Kept(
            liveness=self.liveness.failed == 0
            and alive is not None
            and alive.p99 <= LIVENESS_P99_MS
            and alive.max <= LIVENESS_MAX_MS,
            paying_calls=self.paying.failed == 0 and self.paying.ok > 0,
            charges=self.charges.are_exact,
            memory=self.memory.after_mb - self.memory.before_mb <= MEMORY_KEPT_MAX_MB,
        )


async def measure(run: Run, plan: Plan) -> Minute:
    """Attacks `run`'s gateway as planned. Bounded by the plan and the time limits of single attempts."""
    url = httpx.URL(run.gateway.url)
    host, port = url.host, url.port or 80
    made = await customers.make(run.gateway.url, run.master_key, CREDITS)
    payers = [customer for name, customer in made.items() if name.startswith("paying")]
    callers = [paying.Caller(run.gateway.url, payer, paying.CHATS, plan.pause_s) for payer in payers]
    keys = attacks.Keys(broke=made["broke"].key, poor=made["poor"].key, leaver=made["leaver"].key)
    order = Order(
        host=host, port=port, keys=keys, names=list(plan.names), seconds=plan.seconds, pace=plan.pace
    )
    async with helper("benchmarks.hostile.attacker") as attacker:
        await attacker.tell(order.model_dump_json())
        await attacker.line()
        await _call_for(callers, plan.warm_up_s)
        warm_up_nanos = await _spent(run.gateway.url, payers)
        for caller in callers:
            caller.forget()
        gateway = _Watched(run.gateway.process)
        before, began = run.cpu(run.gateway), time.monotonic()
        probe_options = ("--host", host, "--port", str(port), "--a-second", str(PROBES_A_SECOND))
        async with helper("benchmarks.hostile.probe", *probe_options) as probe:
            report = await _under_attack(attacker, callers, gateway)
            over = time.monotonic()
            seen, recovered_at = await asyncio.gather(probe.last_words(), _recovery(run.gateway.url))
    used = run.cpu(run.gateway).since(before)  # what the attack left to do is done
    await asyncio.sleep(max(0.0, over + plan.rest_s - time.monotonic()))
    stops = run.stops(began, time.monotonic()) if run.is_watched else None
    memory = gateway.memory()
    spent = await _spent(run.gateway.url, payers) - warm_up_nanos
    left = await customers.charges_nanos(run.gateway.url, made["leaver"])
    return Minute(
        seconds=plan.seconds,
        liveness=Seen.model_validate_json(seen),
        event_loop=stops,
        recovered_after_s=round(recovered_at - over, 1),
        paying=paying.calls_of(callers),
        charges=Charges(
            charged_nanos=spent,
            cost_of_answers_nanos=sum(caller.cost_nanos for caller in callers),
            left_streams_nanos=Spread.of(left, 0),
        ),
        memory=memory,
        cpu=_used(used, report),
        attackers=report,
    )


async def _under_attack(attacker: Helper, callers: list[paying.Caller], gateway: _Watched) -> Report:
    """Lets the attackers go, calls until they are done, and watches the gateway's memory meanwhile."""
    over = asyncio.Event()

    async def attacked() -> Report:
        try:
            await attacker.tell("go")
            return Report.model_validate_json(await attacker.line())
        finally:
            over.set()

    async with asyncio.TaskGroup() as group:
        report = group.create_task(attacked())
        group.create_task(gateway.watch(over))
        for caller in callers:
            group.create_task(caller.call_while(lambda: not over.is_set()))
    return report.result()


async def _recovery(url: str) -> float:
    """When the gateway first answers within LIVENESS_MAX_MS. Raises TimeoutError after RECOVERED_WITHIN_S."""
    timeout = LIVENESS_MAX_MS / 1000
    async with asyncio.timeout(RECOVERED_WITHIN_S), httpx.AsyncClient(timeout=timeout) as client:
        while True:
            with contextlib.suppress(httpx.TransportError):
                await client.get(f"{url}/health/liveness")
                return time.monotonic()
            await asyncio.sleep(SAMPLE_S)


async def _call_for(callers: list[paying.Caller], seconds: float) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    await asyncio.gather(*(caller.call_while(lambda: loop.time() < until) for caller in callers))


async def _spent(url: str, payers: list[customers.Customer]) -> int:
    accounts = await asyncio.gather(*(customers.settled(url, payer) for payer in payers))
    return sum(account.spent_nanos for account in accounts)


class _Watched:
    """The gateway's process and its memory."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self._before_mb = self._peak_mb = self._resident_mb()

    async def watch(self, over: asyncio.Event) -> None:
        """Looks until `over`."""
        while not over.is_set():
            self._peak_mb = max(self._peak_mb, self._resident_mb())
            await asyncio.sleep(SAMPLE_S)

    def memory(self) -> Memory:
        """As it is now."""
        return Memory(before_mb=self._before_mb, peak_mb=self._peak_mb, after_mb=self._resident_mb())

    def _resident_mb(self) -> float:
        return round(self._process.memory_info().rss / MEGABYTE, 1)


def _used(cpu: Cpu, report: Report) -> Used:
    return Used(
        gateway_s=round(cpu.gateway, 1),
        engine_s=round(cpu.engine, 1),
        postgres_s=round(cpu.postgres, 1),
        attackers_s=report.cpu_s,
    )
