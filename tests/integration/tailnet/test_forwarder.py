"""A forwarder between a real HTTP client and a real HTTP server, with a link that can break."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx
import pytest

from billing.errors import NotConfigured
from gateway.tailnet.errors import PeerSilent
from gateway.tailnet.forwarder import Forwarder
from gateway.tailnet.localapi import StreamPair
from gateway.tailnet.plan import Forward
from tests.integration.tailnet.node import Node, serve_node


@dataclass
class Way:
    """How a forwarder reaches its node, and when it hears that the node is gone."""

    node: Node
    dials: int = 0
    fails: bool = False
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    watches: int = 0

    async def connect(self) -> StreamPair:
        self.dials += 1
        if self.fails:
            raise PeerSilent("no answer: asleep")
        return await asyncio.open_connection("127.0.0.1", self.node.port)

    async def until_gone(self) -> str:
        self.watches += 1
        await self.gone.wait()
        return "no answer for 10 s"


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    async with serve_node() as node:
        yield node


@pytest.fixture
async def way(node: Node) -> Way:
    return Way(node)


@pytest.fixture
async def client(way: Way) -> AsyncIterator[httpx.AsyncClient]:
    forward = Forward("hugo", 0, "hugo", 11434)
    async with (
        Forwarder(forward, way.connect, way.until_gone, connections_max=3) as forwarder,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{forwarder.port}", timeout=10) as client,
    ):
        yield client


class TestForwarding:
    async def test_passes_requests_and_answers_on_one_connection(
        self, client: httpx.AsyncClient, way: Way
    ) -> None:
        body = b"x" * 3_000_000
        for _ in range(3):
            answer = await client.post("/echo", content=body)
            assert answer.content == body
        assert way.dials == 1

    async def test_streams_each_piece_as_it_comes(self, client: httpx.AsyncClient, node: Node) -> None:
        async with client.stream("GET", "/stream") as answer:
            pieces = answer.aiter_bytes()
            assert await anext(pieces) == b"first\n"
            node.go_on.set()
            assert [piece async for piece in pieces] == [b"last\n"]

    async def test_a_client_that_leaves_stops_the_node(self, client: httpx.AsyncClient, node: Node) -> None:
        async with client.stream("GET", "/stream") as answer:
            await anext(answer.aiter_bytes())
        async with asyncio.timeout(5):
            await node.left.wait()

    async def test_a_connection_that_says_nothing_is_not_dialed(
        self, client: httpx.AsyncClient, way: Way
    ) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
        writer.close()
        await writer.wait_closed()
        await client.get("/echo")
        assert way.dials == 1


class TestNoWay:
    async def test_answers_503_with_the_reason(self, client: httpx.AsyncClient, way: Way) -> None:
        way.fails = True
        answer = await client.post("/echo", content=b"x" * 30_000_000)
        assert answer.status_code == 503
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["error"] == {
            "message": "hugo: no answer: asleep",
            "type": "api_error",
            "code": "node_unreachable",
        }

    async def test_works_again_when_the_node_is_back(self, client: httpx.AsyncClient, way: Way) -> None:
        way.fails = True
        assert (await client.get("/echo")).status_code == 503
        way.fails = False
        assert (await client.get("/echo")).status_code == 200

    async def test_beyond_its_connections_it_answers_503(self, client: httpx.AsyncClient, node: Node) -> None:
        async with (
            client.stream("GET", "/stream"),
            client.stream("GET", "/stream"),
            client.stream("GET", "/stream"),
        ):
            answer = await client.get("/echo")
            assert answer.status_code == 503
            assert "3 connections" in answer.json()["error"]["message"]
            node.go_on.set()
        assert (await client.get("/echo")).status_code == 200


class TestNodeGone:
    async def test_who_waits_for_an_answer_gets_503(
        self, client: httpx.AsyncClient, way: Way, node: Node
    ) -> None:
        waiting = asyncio.create_task(client.get("/silent"))
        await node.asked.wait()
        way.gone.set()
        answer = await waiting
        assert answer.status_code == 503
        assert "hugo: no answer for 10 s" in answer.json()["error"]["message"]

    async def test_also_on_a_connection_that_has_served_before(
        self, client: httpx.AsyncClient, way: Way, node: Node
    ) -> None:
        assert (await client.get("/echo")).status_code == 200
        waiting = asyncio.create_task(client.get("/silent"))
        await node.asked.wait()
        way.gone.set()
        assert (await waiting).status_code == 503
        assert way.dials == 1

    async def test_a_half_answer_is_reset_not_ended(self, client: httpx.AsyncClient, way: Way) -> None:
        async with client.stream("GET", "/endless") as answer:
            pieces = answer.aiter_bytes()
            await anext(pieces)
            way.gone.set()
            with pytest.raises(httpx.ReadError):
                await anext(pieces)

    async def test_is_watched_while_connections_are_open_and_only_then(
        self, client: httpx.AsyncClient, way: Way, node: Node
    ) -> None:
        assert way.watches == 0
        async with client.stream("GET", "/stream"), client.stream("GET", "/stream"):
            assert way.watches == 1
        async with asyncio.timeout(5):
            await node.left.wait()
        async with client.stream("GET", "/stream"):
            assert way.watches == 2

    async def test_a_node_that_ends_before_it_answers_is_told(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/hang-up")
        assert answer.status_code == 503
        assert "before it was answered" in answer.json()["error"]["message"]


class TestListening:
    async def test_a_port_that_is_taken_is_told(self, client: httpx.AsyncClient, way: Way) -> None:
        forward = Forward("other", client.base_url.port or 0, "hugo", 1)
        with pytest.raises(NotConfigured, match="cannot listen"):
            async with Forwarder(forward, way.connect, way.until_gone, connections_max=3):
                pass
