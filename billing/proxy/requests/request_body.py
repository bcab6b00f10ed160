"""Reads a whole request body within limits of size and time, and forwards exactly those bytes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import Message, Receive

from billing.errors import RequestTimeout, TooLarge, Unavailable
from billing.runtime.event_loop import give_way

SLOWEST_BYTES_PER_S = 16 * 1024  # anything slower occupies memory for too long
REPLAYED_BYTES = 256 * 1024  # chunk size when replaying a form: its parser yields in between


class ClientLeft(Exception):
    """The client closed the connection before its body was complete; there is nobody to answer."""


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """How large a body may be, and how long it may take to arrive."""

    bytes_max: int
    wait_s: float


class BodyBudget:
    """Limits the bytes of all bodies that this process is reading at the moment."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0

    def take(self, size: int) -> None:
        """Adds received bytes. Raises Unavailable if too many are already being read."""
        if self._bytes + size > self._bytes_max:
            raise Unavailable("Too many large requests are arriving at the moment; try again shortly.")
        self._bytes += size

    def give_back(self, size: int) -> None:
        """Subtracts the bytes of a request that has been read or refused."""
        self._bytes -= size


def has_body(headers: Headers, http_version: str = "1.1") -> bool:
    """Whether a request may have a body; HTTP/2 does not announce one."""
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
    """Reads the whole body; `feed` sees each chunk as it arrives and may refuse it.

    Raises TooLarge as soon as more than `bytes_max` bytes are announced or received, RequestTimeout if they
    do not arrive, ClientLeft if the client disconnects.
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
    """A time window in which a minimum number of bytes must arrive."""

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
    """Returns a `receive` that yields the body, in one message or in chunks, and then whatever follows."""
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
