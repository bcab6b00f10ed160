"""Requests on bare sockets: what an attacker sends need not be HTTP as a client library would have it.

Bodies are made once and sent as they are, so that an attack costs this machine a copy in memory and no more.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass

READ_BYTES = 65_536
PIECE_BYTES = 262_144
HEAD_BYTES_MAX = 65_536

NO_ANSWER = "no answer"
CLOSED = "closed"
UNDER_WAY = "under way at the end"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended: a status code or words, after how many seconds, and how many bytes were sent."""

    how: str
    seconds: float
    sent_bytes: int


@dataclass(frozen=True, slots=True)
class Address:
    """Where the gateway listens."""

    host: str
    port: int

    def head(self, method: str, path: str, headers: Mapping[str, str]) -> bytes:
        """A request line and headers."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host}:{self.port}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


@dataclass(slots=True)
class Connection:
    """One connection, and what went out on it."""

    socket: socket.socket
    sent_bytes: int = 0

    async def send(self, data: bytes) -> None:
        """Sends all of it, in pieces, so that `sent_bytes` is right where the gateway ends it halfway."""
        loop = asyncio.get_running_loop()
        for start in range(0, len(data), PIECE_BYTES):
            piece = memoryview(data)[start : start + PIECE_BYTES]
            await loop.sock_sendall(self.socket, piece)
            self.sent_bytes += len(piece)

    async def receive(self) -> bytes:
        """Some bytes; none at the end of the connection."""
        return await asyncio.get_running_loop().sock_recv(self.socket, READ_BYTES)

    async def status(self) -> str:
        """Reads an answer's head: its status code, or CLOSED where the connection ends first."""
        return _status_of(await self.until(b"\r\n\r\n"))

    async def until(self, mark: bytes, times: int = 1, bytes_max: int = HEAD_BYTES_MAX) -> bytes:
        """Reads until `mark` has come so often, the connection ends, or `bytes_max` were read."""
        read = bytearray()
        while read.count(mark) < times and len(read) < bytes_max:
            if not (some := await self.receive()):
                break
            read += some
        return bytes(read)


Conversation = Callable[[Connection], Awaitable[str]]


async def attempt(address: Address, talk: Conversation, within_s: float) -> Outcome:
    """Connects, and lets `talk` say how it ended.

    Whatever breaks a connection is an ending as well, and so is the end of the task: what was sent until then
    is told instead of a CancelledError.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    sent_bytes = 0
    try:
        async with asyncio.timeout(within_s), _connected(address) as connection:
            try:
                how = await talk(connection)
            finally:
                sent_bytes = connection.sent_bytes
    except asyncio.CancelledError:
        how = UNDER_WAY
    except TimeoutError:
        how = NO_ANSWER
    except OSError as error:
        how = CLOSED if isinstance(error, ConnectionError) else type(error).__name__
    return Outcome(how, loop.time() - began, sent_bytes)


async def request(connection: Connection, *parts: bytes) -> str:
    """Sends the parts, and meanwhile waits for the answer, which may come before all is sent."""

    async def send_all() -> None:
        for part in parts:
            await connection.send(part)

    return await while_sending(send_all(), connection.status())


async def while_sending(sending: Coroutine[None, None, None], answer: Awaitable[str]) -> str:
    """Awaits the answer, or its absence, while something is sent."""
    task = asyncio.get_running_loop().create_task(sending)
    try:
        return await answer
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@contextlib.asynccontextmanager
async def _connected(address: Address) -> AsyncIterator[Connection]:
    with socket.socket() as made:
        made.setblocking(False)
        await asyncio.get_running_loop().sock_connect(made, (address.host, address.port))
        yield Connection(made)


def _status_of(head: bytes) -> str:
    words = head.split(b" ", 2)
    return words[1].decode("ascii", "replace") if len(words) > 1 and head.startswith(b"HTTP/") else CLOSED
