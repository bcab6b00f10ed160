"""Relays one client's connection through a forwarder, or explains why it cannot."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from contextlib import suppress

from gateway.tailnet.localapi import StreamPair

CHUNK_BYTES = 65_536
FIRST_BYTE_WITHIN_S = 60.0
LAST_WORDS_WITHIN_S = 2.0


class TcpRelay:
    """Reads the client's request before dialing the node, then copies until either side ends.

    HTTP is not parsed. If the last byte came from the client, it is waiting for an answer and can still be
    sent an error in HTTP; otherwise only a reset is possible.
    """

    def __init__(self, name: str, client: StreamPair) -> None:
        self._name = name
        self._reader, self._writer = client
        self._request = b""
        self._node: asyncio.StreamWriter | None = None
        self._client_waits = True
        self._lost = ""

    async def request_begins(self) -> bool:
        """Waits for the client's first bytes; false where it leaves, or says nothing."""
        with suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(FIRST_BYTE_WITHIN_S):
                self._request = await self._reader.read(CHUNK_BYTES)
        return bool(self._request)

    async def run(self, node: StreamPair) -> None:
        """Copies both ways until one side ends or `lose` is called; then closes the node's connection."""
        reader, self._node = node
        try:
            self._node.write(self._request)
            copies = {
                asyncio.ensure_future(self._upward()),
                asyncio.ensure_future(self._downward(reader)),
            }
            try:
                await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for copy in copies:
                    copy.cancel()
                await asyncio.gather(*copies, return_exceptions=True)
        finally:
            self._node.transport.abort()

    def lose(self, why: str) -> None:
        """Ends the connection to a node that is gone."""
        self._lost = why
        if self._node is not None:
            self._node.transport.abort()

    async def finish(self) -> None:
        """Ends the client's side after `run`: with 503 if it waits, with a reset if an answer broke off."""
        if self._reader.at_eof():
            return
        if self._client_waits:
            await self.refuse(self._lost or "the connection was closed before it was answered")
        elif self._lost:
            self._reset()

    async def refuse(self, why: str) -> None:
        """Answers 503, and reads until the client closes: data in flight would reset the answer."""
        error = {"message": f"{self._name}: {why}", "type": "api_error", "code": "node_unreachable"}
        body = json.dumps({"error": error}).encode()
        head = (
            "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        with suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(LAST_WORDS_WITHIN_S):
                self._writer.write(head.encode() + body)
                while await self._reader.read(CHUNK_BYTES):
                    continue

    async def _upward(self) -> None:
        assert self._node is not None
        while data := await self._reader.read(CHUNK_BYTES):
            self._client_waits = True
            self._node.write(data)
            await self._node.drain()

    async def _downward(self, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(CHUNK_BYTES):
            self._client_waits = False
            self._writer.write(data)
            await self._writer.drain()

    def _reset(self) -> None:
        connection: socket.socket | None = self._writer.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()
