"""What billing costs the gateway: the same LiteLLM with and without it, measured in turns.

Both gateways run at the same time on one machine, with one worker, one database, one demo provider and one
configuration; only `billing.app` and the config guard differ. A round measures one, then the other, and the
order changes each round; the figures are ratios and differences of the two halves of a round.

The CPU of a call, gateway and database together, is measured beside: it says what billing costs where the
load generator, the provider and the rest of the machine cannot blur it.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from benchmarks.calls import Kind, Sample, for_seconds
from benchmarks.gateways import Gateway, Run, running
from benchmarks.tables import Measured, Row, spread

KINDS: tuple[Kind, ...] = ("chat", "stream")


@dataclass(frozen=True, slots=True)
class Half:
    """One half of a round. `cpu_ms` is of a call: gateway and database server."""

    load: Sample
    cpu_ms: float


Pair = tuple[Half, Half]  # with billing, without


async def measure(callers: tuple[int, ...], rounds: int, seconds: float) -> Measured:
    """`rounds` interleaved pairs of `seconds` each, for each kind of call and number of callers."""
    pairs: dict[tuple[Kind, int], list[Pair]] = {}
    with running() as run:
        both = (run.gateway, run.start_stock())
        for gateway in both:
            for kind in KINDS:
                await for_seconds([gateway.url], run.key, kind, 4, 2.0)  # warm-up
        for kind in KINDS:
            for count in callers:
                pairs[kind, count] = [
                    await _pair(run, both, kind, count, seconds, number) for number in range(rounds)
                ]
                print(f"{kind} x {count}: {_summary(pairs[kind, count])}", file=sys.stderr)
    summary: dict[str, object] = {f"{kind} x {count}": _summary(of) for (kind, count), of in pairs.items()}
    return Measured({"rounds": rounds, "seconds_each": seconds, **summary}, _rows(pairs))


async def _pair(
    run: Run, both: tuple[Gateway, Gateway], kind: Kind, callers: int, seconds: float, turn: int
) -> Pair:
    with_billing, without = both
    order = (with_billing, without) if turn % 2 == 0 else (without, with_billing)
    taken = {gateway: await _half(run, gateway, kind, callers, seconds) for gateway in order}
    return taken[with_billing], taken[without]


async def _half(run: Run, gateway: Gateway, kind: Kind, callers: int, seconds: float) -> Half:
    before_s = run.cpu_s(gateway)
    load = await for_seconds([gateway.url], run.key, kind, callers, seconds)
    return Half(load, (run.cpu_s(gateway) - before_s) / load.calls * 1000)


def _summary(pairs: list[Pair]) -> dict[str, object]:
    return {
        "requests_ratio": spread([on.load.requests_per_s / off.load.requests_per_s for on, off in pairs]),
        "p50_added_ms": spread([on.load.p50_ms - off.load.p50_ms for on, off in pairs]),
        "cpu_added_ms": spread([on.cpu_ms - off.cpu_ms for on, off in pairs]),
        "with_billing": _of([on for on, _ in pairs]),
        "without_billing": _of([off for _, off in pairs]),
    }


def _of(halves: list[Half]) -> dict[str, object]:
    return {
        "requests_per_s": spread([half.load.requests_per_s for half in halves]),
        "p50_ms": spread([half.load.p50_ms for half in halves]),
        "cpu_ms": spread([half.cpu_ms for half in halves]),
    }


def _rows(pairs: dict[tuple[Kind, int], list[Pair]]) -> list[Row]:
    return [
        {
            "kind": kind,
            "callers": callers,
            "round": number,
            "billing": billing,
            "requests_per_s": round(half.load.requests_per_s, 2),
            "p50_ms": round(half.load.p50_ms, 2),
            "p95_ms": round(half.load.p95_ms, 2),
            "cpu_ms": round(half.cpu_ms, 2),
        }
        for (kind, callers), of in pairs.items()
        for number, pair in enumerate(of)
        for billing, half in zip(("on", "off"), pair, strict=True)
    ]
