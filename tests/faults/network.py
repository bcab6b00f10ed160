"""The network between the gateways and Postgres: a TCP proxy that can be slow and can lose answers."""

from __future__ import annotations

import asyncio
import contextlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

from tests.faults.schedule import When

_CHUNK_BYTES = 262_144
_LEDGER_FUNCTION = re.compile(rb"billing\.[a-z_]+_v\d")
# The end of an answer outside of any transaction: what was asked is committed.
# https://www.postgresql.org/docs/18/protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-READYFORQUERY
_COMMITTED = b"Z\0\0\0\x05I"


@dataclass(slots=True, eq=False)
class _Way:
    """One connection: both ends, and what is known of its traffic."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    is_ledgers: bool = False
    asked: bool = False  # a statement was sent whose answer has not begun

    def cut(self) -> None:
        """Ends both at once, without a farewell."""
        self.client.transport.abort()
        self.server.transport.abort()


@dataclass(slots=True)
class Network:
    """Listens on a port of the loopback, and leads to the socket of a Postgres.

    Attributes:
        delay_s: how much longer each piece takes, each way.
        lost_answers: commits whose answer was lost. cut_statements: cut right after they were sent.
    """

    socket_file: Path
    delay_s: float = 0.0
    lost_answers: int = 0
    cut_statements: int = 0
    port: int = 0
    _to_cut: dict[When, int] = field(default_factory=lambda: {"answered": 0, "sent": 0})
    _ways: set[_Way] = field(default_factory=set)
    _serving: set[asyncio.Task[None]] = field(default_factory=set)
    _server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for way in self._ways:
            way.cut()
        await asyncio.gather(*self._serving, return_exceptions=True)

    def cut_next(self, count: int, when: When) -> None:
        """The next `count` ledger statements lose their connection."""
        self._to_cut[when] += count

    def calm(self) -> None:
        """No fault from here on."""
        self.delay_s = 0.0
        self._to_cut = {"answered": 0, "sent": 0}

    def _accept(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, client))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        try:
            answers, server = await asyncio.open_unix_connection(str(self.socket_file))
        except OSError:  # Postgres is down
            client.transport.abort()
            return
        way = _Way(client, server)
        self._ways.add(way)
        try:
            await asyncio.gather(self._questions(reader, way), self._answers(answers, way))
        finally:
            self._ways.discard(way)
            way.cut()

    async def _questions(self, reader: asyncio.StreamReader, way: _Way) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK_BYTES):
                way.is_ledgers = way.is_ledgers or _LEDGER_FUNCTION.search(data) is not None
                way.asked = way.is_ledgers and _runs_something(data)
                await self._pass(data, way.server)
                if way.asked and self._is_due("sent"):
                    self.cut_statements += 1
                    break
        way.cut()

    async def _answers(self, reader: asyncio.StreamReader, way: _Way) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK_BYTES):
                if way.asked and data.endswith(_COMMITTED):
                    way.asked = False
                    if self._is_due("answered"):
                        self.lost_answers += 1
                        break
                await self._pass(data, way.client)
        way.cut()

    async def _pass(self, data: bytes, to: asyncio.StreamWriter) -> None:
        if self.delay_s > 0:
            await asyncio.sleep(self.delay_s)
        to.write(data)
        await to.drain()

    def _is_due(self, when: When) -> bool:
        if self._to_cut[when] == 0:
            return False
        self._to_cut[when] -= 1
        return True


def _runs_something(data: bytes) -> bool:
    """Whether this begins to run a prepared statement, or commits: not a preparation, a BEGIN or a SET."""
    return data[:1] == b"B" or (data[:1] == b"Q" and b"COMMIT" in data)


def socket_file_of(url: str) -> Path:
    """The socket behind a URL of `tests.postgres_server`."""
    [directory] = parse_qs(urlsplit(url).query)["host"]
    return Path(directory) / ".s.PGSQL.5432"
