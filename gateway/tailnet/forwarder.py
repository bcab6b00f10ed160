"""Forwards a port on the loopback to a node."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from billing.errors import NotConfigured
from gateway.tailnet.errors import TailnetError
from gateway.tailnet.localapi import StreamPair
from gateway.tailnet.plan import Forward
from gateway.tailnet.relay import CHUNK_BYTES, TcpRelay

LOOPBACK = "127.0.0.1"
logger = logging.getLogger(__name__)


class Forwarder:
    """Listens while the context is open. `connect` reaches the node; `until_gone` returns when it is lost."""

    def __init__(
        self,
        forward: Forward,
        connect: Callable[[], Awaitable[StreamPair]],
        until_gone: Callable[[], Awaitable[str]],
        *,
        connections_max: int,
    ) -> None:
        self._forward = forward
        self._connect = connect
        self._until_gone = until_gone
        self._connections_max = connections_max
        self._tasks: set[asyncio.Task[None]] = set()
        self._open: set[TcpRelay] = set()
        self._watching: asyncio.Task[None] | None = None
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        port = self._forward.local_port
        try:
            self._server = await asyncio.start_server(self._accept, LOOPBACK, port, limit=CHUNK_BYTES)
        except OSError as error:
            raise NotConfigured(
                f"TAILNET_FORWARD: cannot listen on {LOOPBACK}:{port}: {error.strerror}."
            ) from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        tasks = {*self._tasks, *({self._watching} if self._watching else ())}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._exchange(TcpRelay(self._forward.name, (reader, writer)))
        except Exception:  # outermost loop of a connection: one failure must not hide the others
            logger.exception("forwarding to %s failed", self._forward.name)
        finally:
            writer.close()

    async def _exchange(self, exchange: TcpRelay) -> None:
        if len(self._tasks) > self._connections_max:
            await exchange.refuse(f"there are {self._connections_max} connections already")
            return
        if not await exchange.request_begins():
            return
        try:
            node = await self._connect()
        except TailnetError as error:
            logger.warning("%s: %s", self._forward.name, error)
            await exchange.refuse(str(error))
            return
        self._open.add(exchange)
        self._watch()
        try:
            await exchange.run(node)
            await exchange.finish()
        finally:
            self._open.discard(exchange)

    def _watch(self) -> None:
        if self._watching is None or self._watching.done():
            self._watching = asyncio.get_running_loop().create_task(self._end_what_is_lost())

    async def _end_what_is_lost(self) -> None:
        """While connections are open, ends them when the node is gone."""
        gone = asyncio.ensure_future(self._until_gone())
        try:
            while self._open and not gone.done():
                await asyncio.wait({gone, *self._tasks}, return_when=asyncio.FIRST_COMPLETED)
            if gone.done():
                why = gone.result()
                logger.warning("%s: %s; ending %d connections", self._forward.name, why, len(self._open))
                for exchange in self._open:
                    exchange.lose(why)
        finally:
            gone.cancel()
