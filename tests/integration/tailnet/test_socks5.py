"""Dialing through SOCKS5: what tailscaled's own proxy never says. (It is dialed in `tests/tailnet/`.)"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.tailnet import socks5
from gateway.tailnet.errors import DaemonFailed, Unreachable
from tests.integration.tailnet.daemon import Conversations

GREETING = bytes((5, 0))
BOUND = bytes((1, 127, 0, 0, 1, 0, 80))


@asynccontextmanager
async def proxy(greeting: bytes, reply: bytes) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A proxy with fixed answers; yields its port, and the requests that it gets."""
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(3)
        if not greeting:
            return
        writer.write(greeting)
        requests.append(await reader.read(100))
        writer.write(reply)

    conversations = Conversations(serve)
    server = await asyncio.start_server(conversations.begin, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], requests
    finally:
        server.close()
        await conversations.end()


class TestDial:
    @pytest.mark.parametrize(
        ("address", "encoded"),
        [
            ("100.64.0.7", bytes((1, 100, 64, 0, 7))),
            ("fd7a:115c:a1e0::7", bytes((4,)) + bytes.fromhex("fd7a115ca1e000000000000000000007")),
        ],
    )
    async def test_asks_for_the_address_and_leaves_the_node_s_bytes(
        self, address: str, encoded: bytes
    ) -> None:
        async with proxy(GREETING, bytes((5, 0, 0)) + BOUND + b"hello") as (port, requests):
            reader, writer = await socks5.dial(port, address, 11434)
            assert await reader.read() == b"hello"
            writer.close()
        assert requests == [bytes((5, 1, 0)) + encoded + (11434).to_bytes(2)]

    async def test_a_refusal_is_one_of_the_node(self) -> None:
        async with proxy(GREETING, bytes((5, 5, 0)) + BOUND) as (port, _):
            with pytest.raises(Unreachable):
                await socks5.dial(port, "100.64.0.7", 1)

    @pytest.mark.parametrize(
        ("greeting", "reply"),
        [(bytes((5, 255)), b""), (b"HT", b""), (GREETING, b""), (GREETING, bytes((5, 0, 0, 9))), (b"", b"")],
    )
    async def test_what_is_no_such_proxy_is_told(self, greeting: bytes, reply: bytes) -> None:
        async with proxy(greeting, reply) as (port, _):
            with pytest.raises(DaemonFailed):
                async with asyncio.timeout(2):
                    await socks5.dial(port, "100.64.0.7", 1)

    async def test_without_proxy_it_fails(self) -> None:
        with pytest.raises(DaemonFailed, match="not running"):
            await socks5.dial(1, "100.64.0.7", 1)
