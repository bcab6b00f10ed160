"""The load: customers that call in every way, some of whom keep running out of credit; what they saw."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal

import aiohttp

from tests.faults.upstream import label_of

LIMIT_FIRST = 100  # the output limit of a customer's first call; the next has one more
LIMITS = 16_000
PAUSE_S = 0.05  # between the calls of one caller, so that three gateways on a small machine keep up
PAUSE_AFTER_FAILURE_S = 0.3
CALL_WITHIN_S = 60.0
GIFT = "0.00005"  # to a customer who keeps running out: a call or two
KINDS = ("chat", "stream", "message", "message_stream", "embedding", "slow_stream", "left_stream")
WEIGHTS = (5, 4, 3, 2, 3, 3, 1)
# Nanos a token in and out: the demo models' prices in `devkit/run/gateway_config.py`.
CHAT_PRICE, EMBEDDING_PRICE = (150, 600), (20, 0)


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer, its key, and how many of its callers are at work."""

    id: str
    key: str
    callers: int
    is_poor: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """What a client saw of one call. `cost_nanos`: by the usage in a whole answer."""

    customer_id: str
    kind: str
    limit: int
    status: int | None
    call_id: str | None
    cost_nanos: int | None


@dataclass(slots=True)
class Load:
    """All callers. `seen` and `gifts` grow while it runs."""

    urls: list[str]
    master_key: str
    seed: int
    seen: list[Seen] = field(default_factory=list)
    gifts: Counter[str] = field(default_factory=Counter)  # answered credits by customer
    gifts_asked: Counter[str] = field(default_factory=Counter)
    _limits: Counter[str] = field(default_factory=Counter)
    _stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, customers: list[Customer]) -> None:
        """Calls until `stop`; every call under way is then waited for."""
        timeout = aiohttp.ClientTimeout(total=CALL_WITHIN_S)
        async with aiohttp.ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as group:
            for customer in customers:
                for number in range(customer.callers):
                    chance = random.Random(f"{self.seed}/{customer.id}/{number}")
                    group.create_task(self._caller(session, customer, chance))
                if customer.is_poor:
                    group.create_task(self._benefactor(session, customer))

    def stop(self) -> None:
        """No new call from here on."""
        self._stop.set()

    async def _caller(
        self, session: aiohttp.ClientSession, customer: Customer, chance: random.Random
    ) -> None:
        while not self._stop.is_set():
            [kind] = chance.choices(KINDS, WEIGHTS)
            url, words = chance.choice(self.urls), chance.randint(5, 40)
            limit = 0 if kind == "embedding" else self._next_limit(customer)
            watch = _Watch(customer.id, kind, limit)
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, ConnectionError):
                await _call(session, url, customer, words, watch)
            self.seen.append(watch.seen())
            await self._pause(PAUSE_S if watch.status == 200 else PAUSE_AFTER_FAILURE_S)

    async def _benefactor(self, session: aiohttp.ClientSession, customer: Customer) -> None:
        """Gives a little credit now and then, each gift under one key until it is answered."""
        while not self._stop.is_set():
            self.gifts_asked[customer.id] += 1
            body = {
                "customer_id": customer.id,
                "amount": GIFT,
                "reason": "gift",
                "idempotency_key": f"{customer.id}-{self.gifts_asked[customer.id]}",
            }
            while not await self._give(session, body):  # noqa: ASYNC110 - asks again, as a client does
                await asyncio.sleep(PAUSE_AFTER_FAILURE_S)
            self.gifts[customer.id] += 1
            await self._pause(1.0)

    async def _give(self, session: aiohttp.ClientSession, body: dict[str, str]) -> bool:
        url = self.urls[self.gifts_asked[body["customer_id"]] % len(self.urls)]
        headers = {"Authorization": f"Bearer {self.master_key}"}
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, ConnectionError):
            async with session.post(f"{url}/stripe/credits", json=body, headers=headers) as answer:
                return answer.status == 200
        return False

    def _next_limit(self, customer: Customer) -> int:
        self._limits[customer.id] += 1
        return LIMIT_FIRST + self._limits[customer.id] % LIMITS

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)


@dataclass(slots=True)
class _Watch:
    """Fills in what a client sees while it sees it."""

    customer_id: str
    kind: str
    limit: int
    status: int | None = None
    call_id: str | None = None
    cost_nanos: int | None = None

    def seen(self) -> Seen:
        return Seen(self.customer_id, self.kind, self.limit, self.status, self.call_id, self.cost_nanos)


async def _call(
    session: aiohttp.ClientSession, url: str, customer: Customer, words: int, watch: _Watch
) -> None:
    path, body = _request(watch.kind, customer, words, watch.limit)
    headers = {"Authorization": f"Bearer {customer.key}", "x-litellm-call-id": "the-same-for-all"}
    async with session.post(f"{url}{path}", json=body, headers=headers) as answer:
        watch.status = answer.status
        watch.call_id = answer.headers.get("x-billing-call-id")
        if answer.status != 200:
            await answer.read()
        elif watch.kind == "left_stream":
            await answer.content.readline()  # and no more: the client leaves
        elif "stream" in watch.kind:
            watch.cost_nanos = _cost(_usage_of_stream((await answer.text()).splitlines()), CHAT_PRICE)
        else:
            price = EMBEDDING_PRICE if watch.kind == "embedding" else CHAT_PRICE
            watch.cost_nanos = _cost(json.loads(await answer.text())["usage"], price)


def _request(kind: str, customer: Customer, words: int, limit: int) -> tuple[str, dict[str, object]]:
    question = f"I am {label_of(customer.id)}. Tell me something in {words} words."
    if kind == "embedding":
        return "/v1/embeddings", {"model": "demo-embed", "input": question}
    body: dict[str, object] = {
        "model": "demo-slow" if kind == "slow_stream" else "demo-chat",
        "messages": [{"role": "user", "content": question}],
        "max_tokens": limit,
    }
    if kind.startswith("message"):
        return "/v1/messages", body | ({"stream": True} if "stream" in kind else {})
    if "stream" in kind:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return "/v1/chat/completions", body


def _usage_of_stream(lines: list[str]) -> dict[str, object]:
    """The usage in a stream that came to its end; nothing of a broken one."""
    events = [
        json.loads(line[5:]) for line in lines if line.startswith("data:") and line[5:].strip() != "[DONE]"
    ]
    ended = "data: [DONE]" in lines or any(event.get("type") == "message_stop" for event in events)
    found: dict[str, object] = {}
    for event in events:
        message = event.get("message") or {}
        found |= {name: count for name, count in (message.get("usage") or {}).items() if count}
        found |= {name: count for name, count in (event.get("usage") or {}).items() if count}
    return found if ended else {}


def _cost(usage: dict[str, object], price: tuple[int, int]) -> int | None:
    """Nanos by OpenAI's or Anthropic's usage; None where there is none."""
    tokens_in = usage.get("prompt_tokens", usage.get("input_tokens"))
    tokens_out = usage.get("completion_tokens", usage.get("output_tokens", 0))
    if not isinstance(tokens_in, int) or not isinstance(tokens_out, int):
        return None
    return tokens_in * price[0] + tokens_out * price[1]


async def make_customers(url: str, master_key: str, wanted: dict[str, tuple[str, int]]) -> list[Customer]:
    """Customers with LiteLLM users and keys: id → credit in dollars and callers. Poor: less than a dollar."""
    headers = {"Authorization": f"Bearer {master_key}"}
    async with aiohttp.ClientSession(url, headers=headers, raise_for_status=True) as session:

        async def post(path: str, body: dict[str, object]) -> dict[str, object]:
            async with session.post(path, json=body) as answer:
                content: dict[str, object] = await answer.json()
                return content

        customers: list[Customer] = []
        for customer_id, (credit, callers) in wanted.items():
            await post("/user/new", {"user_id": customer_id, "auto_create_key": False})
            made = await post("/key/generate", {"user_id": customer_id, "models": []})
            await post("/stripe/credits", {"customer_id": customer_id, "amount": credit, "reason": "start"})
            customers.append(Customer(customer_id, str(made["key"]), callers, Decimal(credit) < 1))
        return customers
