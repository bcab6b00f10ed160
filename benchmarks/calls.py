"""The load on gateways: chats, whole or streamed, from a number of callers at once."""

from __future__ import annotations

import asyncio
import itertools
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import aiohttp

Kind = Literal["chat", "stream"]
BODY = {
    "model": "demo-chat",
    "messages": [{"role": "user", "content": "Hello, how are you?"}],
    "max_tokens": 16,
}
STREAMED = {**BODY, "stream": True, "stream_options": {"include_usage": True}}
CALL_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Sample:
    """What one load came to. `p50_ms` is of a whole answer, streamed or not."""

    calls: int
    seconds: float
    p50_ms: float
    p95_ms: float

    @property
    def requests_per_s(self) -> float:
        return self.calls / self.seconds


async def for_seconds(urls: Sequence[str], key: str, kind: Kind, callers: int, seconds: float) -> Sample:
    """Keeps `callers` calls under way for `seconds`. Raises on any answer that is not a whole 200."""
    until = time.perf_counter() + seconds
    return await _load(urls, key, kind, callers, lambda: time.perf_counter() < until)


async def a_number(urls: Sequence[str], key: str, kind: Kind, callers: int, calls: int) -> Sample:
    """Makes so many calls, `callers` at a time. Raises on any answer that is not a whole 200."""
    left = itertools.count(calls, -1)
    return await _load(urls, key, kind, callers, lambda: next(left) > 0)


async def _load(
    urls: Sequence[str], key: str, kind: Kind, callers: int, goes_on: Callable[[], bool]
) -> Sample:
    latencies: list[float] = []
    timeout = aiohttp.ClientTimeout(total=CALL_WITHIN_S)
    headers = {"Authorization": f"Bearer {key}"}
    connector = aiohttp.TCPConnector(limit=callers)
    began = time.perf_counter()
    async with aiohttp.ClientSession(connector=connector, headers=headers, timeout=timeout) as session:

        async def caller(url: str) -> None:
            while goes_on():
                start = time.perf_counter()
                await _call(session, url, kind)
                latencies.append(time.perf_counter() - start)

        await asyncio.gather(*(caller(urls[number % len(urls)]) for number in range(callers)))
    elapsed = time.perf_counter() - began
    p95 = statistics.quantiles(latencies, n=20)[-1] if len(latencies) > 1 else latencies[0]
    return Sample(len(latencies), elapsed, statistics.median(latencies) * 1000, p95 * 1000)


async def _call(session: aiohttp.ClientSession, url: str, kind: Kind) -> None:
    body = STREAMED if kind == "stream" else BODY
    async with session.post(f"{url}/v1/chat/completions", json=body) as answer:
        text = await answer.text()
        if answer.status != 200 or (kind == "stream" and "data: [DONE]" not in text):
            raise RuntimeError(f"{answer.status}: {text[:300]}")
