"""The attacks, each with a rate and a number of connections that it does not exceed."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pydantic import BaseModel

from benchmarks.hostile import bodies, realtime
from benchmarks.hostile.bodies import JSON
from benchmarks.hostile.wire import (
    Address,
    Connection,
    Conversation,
    Outcome,
    attempt,
    request,
    while_sending,
)

CHAT = "/v1/chat/completions"
ANSWER_WITHIN_S = 60.0
FOR_EVER_S = 3_600.0  # until the gateway ends it, or the minute does
MADE_UP = "sk-made-up-0123456789"
EVENTS_BEFORE_LEAVING = 20
TRICKLE_S = 1.0


class Keys(BaseModel):
    """Keys of customers who have no credit, enough for two realtime sessions, and enough for long streams."""

    broke: str
    poor: str
    leaver: str


@dataclass(frozen=True, slots=True)
class Attack:
    """One kind: `a_second` attempts begin, and no more than `open_max` are under way."""

    a_second: float
    open_max: int
    attempt: Callable[[], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class Target:
    """The gateway, and the keys that attackers have."""

    address: Address
    keys: Keys

    def posting(
        self, a_second: float, path: str, key: str | None, body: bytes, content_type: str = JSON
    ) -> Attack:
        """The same body again and again."""
        parts = (self.head(path, key, len(body), content_type), body)
        return self.talking(a_second, 4, lambda connection: request(connection, *parts))

    def talking(
        self, a_second: float, open_max: int, talk: Conversation, within_s: float = ANSWER_WITHIN_S
    ) -> Attack:
        """A conversation that is had again and again."""
        return Attack(a_second, open_max, lambda: attempt(self.address, talk, within_s))

    def head(
        self, path: str, key: str | None, length: int, content_type: str = JSON, encoding: str | None = None
    ) -> bytes:
        """The head of a POST whose body has that length, or is said to have it."""
        headers = {"Content-Type": content_type, "Content-Length": str(length), "Connection": "close"}
        headers |= {"Authorization": f"Bearer {key}"} if key else {}
        headers |= {"Content-Encoding": encoding} if encoding else {}
        return self.address.head("POST", path, headers)


def _chunked(target: Target) -> Attack:
    """A body whose length nobody announces."""
    body = bodies.many_keys(700_000)
    head = target.address.head("POST", CHAT, {"Content-Type": JSON, "Transfer-Encoding": "chunked"})
    parts = (head, b"%x\r\n" % len(body), body, b"\r\n0\r\n\r\n")
    return target.talking(1, 4, lambda connection: request(connection, *parts))


def _form(target: Target) -> Attack:
    kind = "multipart/form-data; boundary=boundary"
    return target.posting(1, "/v1/audio/transcriptions", target.keys.broke, bodies.form_of(100_000), kind)


def _oddities(target: Target) -> Attack:
    """Small bodies that no plain JSON document is, on several routes, in bulk."""
    paths = (CHAT, "/v1/messages", "/v1/responses", "/key/generate", "/v1/embeddings", "/spend/calculate")
    requests = itertools.cycle(
        [
            (target.head(path, key, len(odd.content), odd.content_type, odd.content_encoding), odd.content)
            for path in paths
            for odd in bodies.oddities()
            for key in (target.keys.broke, MADE_UP)
        ]
    )
    return target.talking(30, 20, lambda connection: request(connection, *next(requests)))


def _openapi(target: Target) -> Attack:
    head = target.address.head("GET", "/openapi.json", {"Connection": "close"})
    return target.talking(1, 4, lambda connection: request(connection, head))


def _broken_uploads(target: Target) -> Attack:
    """A head and one byte of a body, and then the client is gone."""
    start = target.head(CHAT, None, 1_000) + b"{"

    async def leave(connection: Connection) -> str:
        await connection.send(start)
        return "left"

    return target.talking(300, 300, leave)


def _half_open(target: Target) -> Attack:
    """A head, with no key and with one, and never a body."""
    heads = itertools.cycle(target.head(CHAT, key, 1_000) for key in (None, target.keys.broke))
    return target.talking(10, 200, lambda connection: request(connection, next(heads)), FOR_EVER_S)


def _slow_bodies(target: Target) -> Attack:
    head = target.head(CHAT, target.keys.broke, 1_000)
    return target.talking(5, 100, lambda connection: _trickle(connection, head), FOR_EVER_S)


def _slow_heads(target: Target) -> Attack:
    return target.talking(5, 100, lambda connection: _trickle(connection, b""), FOR_EVER_S)


async def _trickle(connection: Connection, head: bytes) -> str:
    """Sends `head`, then a byte a second until the answer comes."""

    async def pieces() -> None:
        await connection.send(head)
        while True:
            await connection.send(b"G")
            await asyncio.sleep(TRICKLE_S)

    return await while_sending(pieces(), connection.status())


def _silent(target: Target) -> Attack:
    """Connections without a request."""
    return target.talking(10, 200, lambda connection: connection.status(), FOR_EVER_S)


def _frames(target: Target, payload: bytes) -> Attack:
    """Realtime sessions of a customer with little credit, with one large frame each."""
    head, frame = realtime.upgrade(target.address, target.keys.poor), realtime.frame(payload)
    return target.talking(0.25, 2, lambda connection: realtime.send_frame(connection, head, frame))


def _left_streams(target: Target) -> Attack:
    """Long streams of a provider that is always ready, whose client leaves soon."""
    question = [{"role": "user", "content": "Tell me something in 20000 words."}]
    asked = {"model": bodies.MODEL, "stream": True, "max_tokens": 16_384, "messages": question}
    body = bodies.document(asked)
    head = target.head(CHAT, target.keys.leaver, len(body))

    async def leave(connection: Connection) -> str:
        await connection.send(head + body)
        read = await connection.until(b"\ndata:", EVENTS_BEFORE_LEAVING)
        return "left" if read.startswith(b"HTTP/1.1 200 ") else read[9:12].decode("ascii", "replace")

    return target.talking(0.2, 2, leave)


ATTACKS: dict[str, Callable[[Target], Attack]] = {
    "700k_keys_no_key": lambda to: to.posting(1, CHAT, None, bodies.many_keys(700_000)),
    "700k_keys_made_up_key": lambda to: to.posting(1, CHAT, MADE_UP, bodies.many_keys(700_000)),
    "700k_keys_no_credit": lambda to: to.posting(1, CHAT, to.keys.broke, bodies.many_keys(700_000)),
    "200k_keys_no_credit": lambda to: to.posting(1, CHAT, to.keys.broke, bodies.many_keys(200_000)),
    "300k_messages_no_credit": lambda to: to.posting(1, CHAT, to.keys.broke, bodies.many_messages(300_000)),
    "chunked_no_key": _chunked,
    "nesting_no_key": lambda to: to.posting(2, CHAT, None, bodies.nested(100_000)),
    "nesting_no_credit": lambda to: to.posting(2, CHAT, to.keys.broke, bodies.nested(100_000)),
    "spaces_no_credit": lambda to: to.posting(1, CHAT, to.keys.broke, bodies.spaces(1_900_000)),
    "spend_calculate": lambda to: to.posting(1, "/spend/calculate", to.keys.broke, bodies.spaces(1_900_000)),
    "count_tokens": lambda to: to.posting(
        1, "/v1/messages/count_tokens", to.keys.broke, bodies.spaces(1_900_000)
    ),
    "form_no_credit": _form,
    "oddities": _oddities,
    "openapi": _openapi,
    "broken_uploads": _broken_uploads,
    "half_open": _half_open,
    "slow_bodies": _slow_bodies,
    "slow_heads": _slow_heads,
    "silent": _silent,
    "frame_of_keys": lambda to: _frames(to, bodies.item_of_many_keys(1_200_000)),
    "frame_of_parts": lambda to: _frames(to, bodies.item_of_many_parts(5_000_000)),
    "left_streams": _left_streams,
}
