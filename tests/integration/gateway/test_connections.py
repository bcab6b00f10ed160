"""Sockets that send no request are closed; those that send one are served soon, and kept."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import suppress

import httpx
import pytest
import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.client import connect

from gateway.start.connections import ACCEPTED_A_TURN, PunctualConnection, accept_many
from tests.deadline import eventually

WITHIN_S = 0.3


class Hurried(PunctualConnection):
    request_within_s = WITHIN_S


async def slow(request: Request) -> PlainTextResponse:
    await asyncio.sleep(2 * WITHIN_S)
    return PlainTextResponse("served")


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    await asyncio.sleep(2 * WITHIN_S)
    await websocket.send_text(await websocket.receive_text())
    await websocket.close()


@pytest.fixture
async def port() -> AsyncIterator[int]:
    app = Starlette(routes=[Route("/", slow), WebSocketRoute("/ws", echo)])
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, http=Hurried, log_level="error", lifespan="off"))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        await asyncio.to_thread(eventually, lambda: server.started)
        yield int(listener.getsockname()[1])
        server.should_exit = True
        await serving


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n"])
async def test_a_socket_that_sends_no_whole_request_is_closed(port: int, sent: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    assert await asyncio.wait_for(reader.read(), timeout=10) == b""
    writer.close()


async def test_headers_that_come_a_byte_at_a_time_do_not_keep_it_open(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for byte in b"GET / HTTP/1.1":
        writer.write(bytes([byte]))
        await asyncio.sleep(WITHIN_S / 5)
        if reader.at_eof():
            break
    with suppress(ConnectionResetError):  # a byte that was sent after the end is answered by a reset
        assert await asyncio.wait_for(reader.read(), timeout=10) == b""
    writer.close()


async def test_a_request_may_take_longer_to_answer_and_another_may_follow(port: int) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        assert [(await client.get("/")).text for _ in range(2)] == ["served", "served"]


async def test_a_websocket_stays_open(port: int) -> None:
    async with connect(f"ws://127.0.0.1:{port}/ws") as websocket:
        await asyncio.sleep(2 * WITHIN_S)
        await websocket.send("still here")
        assert await websocket.recv() == "still here"


CONNECTIONS = 64


def test_many_connections_are_accepted_in_a_few_turns_of_the_event_loop() -> None:
    # a queue that empties by one a turn makes the last one wait for as many turns as there are connections
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        assert uvloop.run(turns_to_accept(listener)) <= CONNECTIONS / ACCEPTED_A_TURN + 2


async def turns_to_accept(listener: socket.socket) -> int:
    loop = asyncio.get_running_loop()
    accepted: list[asyncio.BaseTransport] = []

    class Accepted(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            accepted.append(transport)

    servers = [await loop.create_server(Accepted, sock=each) for each in accept_many(listener)]
    clients = [socket.create_connection(listener.getsockname()) for _ in range(CONNECTIONS)]
    turns = 0
    while len(accepted) < CONNECTIONS:
        await asyncio.sleep(0)
        turns += 1
        assert turns < 10 * CONNECTIONS
    for server in servers:
        server.close()
    for client in clients:
        client.close()
    return turns
