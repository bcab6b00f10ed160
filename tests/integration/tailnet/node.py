"""A node's HTTP server whose answers a test holds in its hands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@dataclass
class Node:
    """`asked`: a request came; `go_on`: answer the rest; `left`: a client went away in the middle."""

    port: int = 0
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection; several requests on it."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                body = await reader.readexactly(_length(head))
                if not await self._answer(head.split()[1].decode(), body, reader, writer):
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    async def _answer(
        self, path: str, body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Answers; whether the connection goes on."""
        if path == "/echo":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()
            return True
        if path == "/hang-up":
            return False
        if path == "/silent":
            self.asked.set()
            await self._until_left(reader)
            return False
        writer.write(HEAD + _chunk(b"first\n"))
        going_on = asyncio.create_task(self.go_on.wait())
        leaving = asyncio.create_task(self._until_left(reader))
        await asyncio.wait({going_on, leaving}, return_when=asyncio.FIRST_COMPLETED)
        going_on.cancel()
        leaving.cancel()
        if path == "/stream" and self.go_on.is_set():
            writer.write(_chunk(b"last\n") + _chunk(b""))
            await writer.drain()
        return False

    async def _until_left(self, reader: asyncio.StreamReader) -> None:
        while await reader.read(100):
            continue
        self.left.set()


@asynccontextmanager
async def serve_node() -> AsyncIterator[Node]:
    """On a port of the loopback while the context is open."""
    node = Node()
    server = await asyncio.start_server(node.serve, "127.0.0.1", 0)
    node.port = server.sockets[0].getsockname()[1]
    try:
        yield node
    finally:
        server.close()


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n" % len(data) + data + b"\r\n"
