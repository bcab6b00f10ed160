"""A stream whose provider never waits leaves others their turn, and ends soon after its client left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import pytest
import uvicorn
import websockets
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from billing.proxy.calls.call import Call
from billing.proxy.http.middleware import BillingMiddleware

PIECES = 50_000
DELTA = '{"type":"response.output_text.delta","delta":"' + "x" * 20_000 + '"}'
ENDED_WITHIN_S = 1.0


@dataclass
class Upstream:
    """Says all that it has to say without a pause."""

    said: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def pieces(self) -> AsyncIterator[bytes]:
        try:
            for _ in range(PIECES):
                self.said += 1
                yield b'data: {"choices":[]}\n\n'
        finally:
            self.over.set()

    async def stream(self, _request: Request) -> Response:
        return StreamingResponse(self.pieces(), media_type="text/event-stream")

    async def session(self, socket: WebSocket) -> None:
        await socket.accept()
        for _ in range(PIECES):
            self.said += 1
            await socket.send_text(DELTA)
        self.over.set()


async def live(_request: Request) -> Response:
    return PlainTextResponse("alive")


@asynccontextmanager
async def served(upstream: Upstream, ended: list[Call]) -> AsyncIterator[str]:
    """Behind billing's middleware, on a real server in this event loop; its address without scheme."""
    app = Starlette(
        routes=[
            Route("/stream", upstream.stream),
            Route("/live", live),
            WebSocketRoute("/session", upstream.session),
        ]
    )
    middleware = BillingMiddleware(app, ended.append, None)
    server = uvicorn.Server(uvicorn.Config(middleware, port=0, log_level="critical", lifespan="off"))
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(10):
        while not server.started:  # noqa: ASYNC110 - uvicorn tells it by nothing else
            await asyncio.sleep(0)
    try:
        yield f"127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = server.force_exit = True
        await serving


@pytest.fixture
def upstream() -> Upstream:
    return Upstream()


async def test_a_stream_leaves_others_their_turn_and_ends_when_its_client_leaves(upstream: Upstream) -> None:
    ended: list[Call] = []
    async with served(upstream, ended) as address, httpx.AsyncClient(base_url=f"http://{address}") as client:
        async with client.stream("GET", "/stream") as answer:
            await anext(answer.aiter_raw())
            assert (await client.get("/live")).text == "alive"
            assert upstream.said < PIECES
        async with asyncio.timeout(ENDED_WITHIN_S):
            while not any(call.path == "/stream" for call in ended):  # noqa: ASYNC110 - a plain callback
                await asyncio.sleep(0)
        assert upstream.said < PIECES
    gone = next(call for call in ended if call.path == "/stream")
    assert gone.delivery.client_gone
    assert not gone.delivery.in_full


async def test_a_session_whose_client_does_not_read_waits_for_it(upstream: Upstream) -> None:
    async with (
        served(upstream, []) as address,
        httpx.AsyncClient(base_url=f"http://{address}") as client,
        websockets.connect(f"ws://{address}/session", max_queue=1, compression=None, close_timeout=0.1),
    ):
        for _ in range(20):
            assert (await client.get("/live")).text == "alive"
        assert upstream.said * len(DELTA) < 50_000_000  # what sockets and queues take in between


async def test_a_session_goes_on_without_its_client_and_leaves_others_their_turn(upstream: Upstream) -> None:
    async with served(upstream, []) as address, httpx.AsyncClient(base_url=f"http://{address}") as client:
        socket = await websockets.connect(f"ws://{address}/session", compression=None)
        await socket.recv()
        socket.transport.abort()
        assert (await client.get("/live")).text == "alive"
        assert upstream.said < PIECES  # the provider's usage comes last
        async with asyncio.timeout(60):
            await upstream.over.wait()
