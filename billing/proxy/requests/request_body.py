"""Reads the whole body of a request within limits of size and time, and hands on exactly those bytes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import Message, Receive

from billing.errors import RequestTimeout, TooLarge, Unavailable
from billing.runtime.event_loop import give_way

SLOWEST_BYTES_PER_S = 16 * 1024  # what may come more slowly holds memory for too long
REPLAYED_BYTES = 256 * 1024  # of a form at once: whoever parses it gives way in between


class ClientLeft(Exception):
    """The client has closed the connection before its body was complete; there is nobody to answer."""


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """How large a body may be, and how long the client may keep us waiting for it."""

    bytes_max: int
    wait_s: float


class BodyBudget:
    """Bytes of bodies that are being read at this moment, by all requests of this process together."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0

    def take(self, size: int) -> None:
        """Counts bytes that have come. Raises Unavailable where too many are waited for already."""
        if self._bytes + size > self._bytes_max:
            raise Unavailable("Too many large requests arrive at this moment; try again shortly.")
        self._bytes += size

    def give_back(self, size: int) -> None:
        """Forgets bytes whose request has been read, or refused."""
        self._bytes -= size


def has_body(headers: Headers, http_version: str = "1.1") -> bool:
    """Whether a request may have a body; HTTP/2 announces none."""
    if not http_version.startswith("1"):
        return True
    return headers.get("content-length", "0").strip() != "0" or "transfer-encoding" in headers


async def read_body(
    receive: Receive,
    headers: Headers,
    limits: BodyLimits,
    budget: BodyBudget,
    feed: Callable[[bytes], None] | None = None,
) -> bytes:
    """The whole body; `feed` sees each piece as it comes, and may refuse it.

    Raises TooLarge as soon as more than `bytes_max` bytes are announced or came, RequestTimeout where they do
    not come, ClientLeft where nobody waits for an answer any more.
    """
    announced = headers.get("content-length", "")
    if announced.isdecimal() and (len(announced) > 15 or int(announced) > limits.bytes_max):
        raise _too_large(limits)
    pieces: list[bytes] = []
    size = 0
    window = _Window(limits.wait_s)
    try:
        while True:
            message = await _next(receive, window.ends_at)
            piece = message.get("body", b"")
            if size + len(piece) > limits.bytes_max:
                raise _too_large(limits)
            budget.take(len(piece))
            size += len(piece)
            window.add(len(piece))
            if feed is not None:
                feed(piece)
            pieces.append(piece)
            if not message.get("more_body", False):
                return b"".join(pieces)
    finally:
        budget.give_back(size)


class _Window:
    """A time within which so many bytes must come that a new one begins: at once, or never slower."""

    def __init__(self, wait_s: float) -> None:
        self._wait_s = wait_s
        self._bytes = 0.0
        self.ends_at = time.monotonic() + wait_s

    def add(self, size: int) -> None:
        self._bytes += size
        if self._bytes >= SLOWEST_BYTES_PER_S * self._wait_s:
            self._bytes = 0.0
            self.ends_at = time.monotonic() + self._wait_s


async def _next(receive: Receive, deadline: float) -> Message:
    try:
        async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
            message = await receive()
    except TimeoutError as error:
        raise RequestTimeout("The body of this request did not arrive in time.") from error
    if message["type"] == "http.disconnect":
        raise ClientLeft
    return message


def replaying(body: bytes, receive: Receive, piece_bytes: int | None = None) -> Receive:
    """A `receive` that gives the body, in one message or in pieces, and then whatever comes after it."""
    step = piece_bytes or max(1, len(body))
    position: int | None = 0

    async def replay() -> Message:
        nonlocal position
        if position is None:
            return await receive()
        piece, end = body[position : position + step], position + step
        position = end if end < len(body) else None
        if position is not None:
            await give_way()
        return {"type": "http.request", "body": piece, "more_body": position is not None}

    return replay


def _too_large(limits: BodyLimits) -> TooLarge:
    return TooLarge(f"The body is larger than {limits.bytes_max} bytes.")
