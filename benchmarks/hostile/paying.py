"""Paying callers: ordinary calls, every answer checked, what they cost by the usage in their answers."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import aiohttp
from pydantic import BaseModel

from benchmarks.hostile.customers import Customer
from benchmarks.hostile.measure import Spread

CALL_WITHIN_S = 60.0
FAILURES_SHOWN = 10
# Nanos a token in and out: the demo models' prices in `devkit/run/gateway_config.py`.
_WRITING, _EMBEDDING = (150, 600), (20, 0)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of call, and its price in nanos a token in and out."""

    name: str
    path: str
    body: dict[str, object]
    price: tuple[int, int] = _WRITING

    @property
    def is_streamed(self) -> bool:
        return "stream" in self.body


def _asked(**fields: object) -> dict[str, object]:
    messages = [{"role": "user", "content": "Hello, how are you? Tell me something in 40 words."}]
    return {"model": "demo-chat", "messages": messages, "max_tokens": 64, **fields}


_INPUT = {"model": "demo-chat", "input": "Hello, how are you?", "max_output_tokens": 64}
CHAT = Kind("chat", "/v1/chat/completions", _asked())
CHAT_STREAM = Kind(
    "chat_stream", "/v1/chat/completions", _asked(stream=True, stream_options={"include_usage": True})
)
CHATS = (CHAT, CHAT_STREAM)
ALL = (
    *CHATS,
    Kind("message", "/v1/messages", _asked()),
    Kind("message_stream", "/v1/messages", _asked(stream=True)),
    Kind("response", "/v1/responses", _INPUT),
    Kind("response_stream", "/v1/responses", {**_INPUT, "stream": True}),
    Kind("embedding", "/v1/embeddings", {"model": "demo-embed", "input": "Hello"}, _EMBEDDING),
)


class Calls(BaseModel):
    """What the paying callers saw. `first_failures`: what went wrong, a few of them."""

    ok: int
    failed: int
    first_failures: dict[str, int]
    answered_after_ms: Spread | None


@dataclass(slots=True)
class Caller:
    """One customer that calls, one call after the other, the kinds by turns."""

    url: str
    customer: Customer
    kinds: tuple[Kind, ...]
    pause_s: float
    cost_nanos: int = 0
    latencies_ms: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)

    def forget(self) -> None:
        """Drops what was seen so far."""
        self.cost_nanos = 0
        self.latencies_ms.clear()
        self.failures.clear()

    async def call_while(self, goes_on: Callable[[], bool]) -> None:
        """Calls until `goes_on` says no. What fails is counted, and the next call follows."""
        timeout = aiohttp.ClientTimeout(total=CALL_WITHIN_S)
        async with aiohttp.ClientSession(self.url, headers=self.customer.headers, timeout=timeout) as session:
            for kind in itertools.cycle(self.kinds):
                if not goes_on():
                    return
                began = asyncio.get_running_loop().time()
                try:
                    self.cost_nanos += await _call(session, kind)
                except (aiohttp.ClientError, TimeoutError, ConnectionError, WrongAnswer) as error:
                    self.failures[f"{kind.name}: {type(error).__name__} {error}"[:300]] += 1
                else:
                    self.latencies_ms.append((asyncio.get_running_loop().time() - began) * 1000)
                await asyncio.sleep(self.pause_s)


class WrongAnswer(Exception):
    """An answer that is no whole 200 with its usage."""


def calls_of(callers: list[Caller]) -> Calls:
    """What all of them saw."""
    failures = sum((caller.failures for caller in callers), Counter[str]())
    latencies = [latency for caller in callers for latency in caller.latencies_ms]
    return Calls(
        ok=len(latencies),
        failed=failures.total(),
        first_failures=dict(failures.most_common(FAILURES_SHOWN)),
        answered_after_ms=Spread.of(latencies, 1),
    )


async def _call(session: aiohttp.ClientSession, kind: Kind) -> int:
    """One call; its cost in nanos. Raises WrongAnswer."""
    async with session.post(kind.path, json=kind.body) as answer:
        text = await answer.text()
        if answer.status != 200:
            raise WrongAnswer(f"{answer.status}: {text[:200]}")
    usage = _usage_of_stream(text) if kind.is_streamed else _usage_in(json.loads(text))
    tokens_in = usage.get("prompt_tokens", usage.get("input_tokens"))
    tokens_out = usage.get("completion_tokens", usage.get("output_tokens", 0))
    if not tokens_in or (not tokens_out and kind.price is _WRITING):
        raise WrongAnswer(f"no usage or no end: {text[-200:]}")
    return tokens_in * kind.price[0] + (tokens_out or 0) * kind.price[1]


def _usage_of_stream(text: str) -> dict[str, int]:
    """The usage in a stream that came to its end; nothing of a broken one."""
    data = [line[5:].strip() for line in text.splitlines() if line.startswith("data:")]
    events = [json.loads(one) for one in data if one != "[DONE]"]
    last = events[-1].get("type") if events else None
    has_ended = "[DONE]" in data or last in ("message_stop", "response.completed")
    found: dict[str, int] = {}
    for event in events:
        for part in (event, event.get("message") or {}, event.get("response") or {}):
            found |= _usage_in(part)
    return found if has_ended else {}


def _usage_in(part: dict[str, object]) -> dict[str, int]:
    usage = part.get("usage")
    return (
        {name: count for name, count in usage.items() if isinstance(count, int) and count}
        if isinstance(usage, dict)
        else {}
    )
