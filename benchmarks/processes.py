"""One to four gateway processes on one database: does each bring more, and what does the last one bring?"""

from __future__ import annotations

import sys

from benchmarks.calls import Sample, for_seconds
from benchmarks.gateways import running
from benchmarks.tables import Measured, spread

CALLERS = 64


async def measure(processes_max: int, rounds: int, seconds: float) -> Measured:
    """Chats of 64 callers, spread evenly, on 1 to `processes_max` gateways; `rounds` times in turns."""
    taken: dict[int, list[Sample]] = {count: [] for count in range(1, processes_max + 1)}
    with running() as run:
        gateways = [run.gateway, *(run.start_another() for _ in range(processes_max - 1))]
        urls = [gateway.url for gateway in gateways]
        for url in urls:
            await for_seconds([url], run.key, "chat", 4, 2.0)  # warm-up
        for number in range(rounds):
            for count, samples in taken.items():
                samples.append(await for_seconds(urls[:count], run.key, "chat", CALLERS, seconds))
                print(f"round {number + 1}: {count} processes: {samples[-1]}", file=sys.stderr)
    summary: dict[str, object] = {
        str(count): {
            "requests_per_s": spread([one.requests_per_s for one in samples]),
            "p50_ms": spread([one.p50_ms for one in samples]),
            "over_one": spread(
                [
                    one.requests_per_s / of_one.requests_per_s
                    for one, of_one in zip(samples, taken[1], strict=True)
                ]
            ),
        }
        for count, samples in taken.items()
    }
    return Measured(
        {"callers": CALLERS, "rounds": rounds, "seconds_each": seconds, "processes": summary},
        [
            {
                "processes": count,
                "round": number,
                "requests_per_s": round(sample.requests_per_s, 2),
                "p50_ms": round(sample.p50_ms, 2),
                "p95_ms": round(sample.p95_ms, 2),
            }
            for count, samples in taken.items()
            for number, sample in enumerate(samples)
        ],
    )
