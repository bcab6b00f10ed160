"""What billing costs the gateway: the same LiteLLM with and without it, measured in turns.

Both gateways run at the same time on one machine, with one worker, one database, one demo provider and one
configuration; only `billing.app` and the config guard differ. A round measures one, then the other, and the
order changes each round; the figures are ratios and differences of the two halves of a round.
"""

from __future__ import annotations

import sys

from benchmarks.calls import Kind, Sample, for_seconds
from benchmarks.gateways import running
from benchmarks.tables import Measured, Row, spread

KINDS: tuple[Kind, ...] = ("chat", "stream")
Pair = tuple[Sample, Sample]  # with billing, without


async def measure(callers: tuple[int, ...], rounds: int, seconds: float) -> Measured:
    """`rounds` interleaved pairs of `seconds` each, for each kind of call and number of callers."""
    pairs: dict[tuple[Kind, int], list[Pair]] = {}
    with running() as run:
        urls = (run.url, run.start_stock())
        for url in urls:
            for kind in KINDS:
                await for_seconds([url], run.key, kind, 4, 2.0)  # warm-up
        for kind in KINDS:
            for count in callers:
                pairs[kind, count] = [
                    await _pair(urls, run.key, kind, count, seconds, number) for number in range(rounds)
                ]
                print(f"{kind} x {count}: {_summary(pairs[kind, count])}", file=sys.stderr)
    summary: dict[str, object] = {f"{kind} x {count}": _summary(of) for (kind, count), of in pairs.items()}
    return Measured({"rounds": rounds, "seconds_each": seconds, **summary}, _rows(pairs))


async def _pair(urls: tuple[str, str], key: str, kind: Kind, callers: int, seconds: float, turn: int) -> Pair:
    with_billing, without = urls
    order = (with_billing, without) if turn % 2 == 0 else (without, with_billing)
    taken = {url: await for_seconds([url], key, kind, callers, seconds) for url in order}
    return taken[with_billing], taken[without]


def _summary(pairs: list[Pair]) -> dict[str, object]:
    return {
        "requests_ratio": spread([on.requests_per_s / off.requests_per_s for on, off in pairs]),
        "p50_added_ms": spread([on.p50_ms - off.p50_ms for on, off in pairs]),
        "with_billing": {
            "requests_per_s": spread([on.requests_per_s for on, _ in pairs]),
            "p50_ms": spread([on.p50_ms for on, _ in pairs]),
        },
        "without_billing": {
            "requests_per_s": spread([off.requests_per_s for _, off in pairs]),
            "p50_ms": spread([off.p50_ms for _, off in pairs]),
        },
    }


def _rows(pairs: dict[tuple[Kind, int], list[Pair]]) -> list[Row]:
    return [
        {
            "kind": kind,
            "callers": callers,
            "round": number,
            "billing": billing,
            "requests_per_s": round(sample.requests_per_s, 2),
            "p50_ms": round(sample.p50_ms, 2),
            "p95_ms": round(sample.p95_ms, 2),
        }
        for (kind, callers), of in pairs.items()
        for number, pair in enumerate(of)
        for billing, sample in zip(("on", "off"), pair, strict=True)
    ]
