"""Accepts connections quickly, closes silent ones, and allows as many as the system permits.

uvicorn only times out idle connections after the first response: a socket that sends nothing, or its headers
at a byte per second, stays open forever, and the number of sockets of a process is limited.
"""

from __future__ import annotations

import asyncio
import resource
import socket

from uvicorn.protocols.http.h11_impl import H11Protocol

ACCEPTED_A_TURN = 16


class PunctualConnection(H11Protocol):
    """A connection that is closed when the headers of its next request take too long."""

    request_within_s = 30.0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Starts the timer."""
        super().connection_made(transport)
        self._arm()

    def data_received(self, data: bytes) -> None:
        """Stops the timer while a request is processed."""
        super().data_received(data)
        if not self._waits():
            self._disarm()
        elif self._deadline is None:
            self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancels the timer."""
        self._disarm()
        super().connection_lost(exc)

    def _waits(self) -> bool:
        """Whether no request is in progress, and this is still HTTP and not a WebSocket."""
        is_http = self.transport.get_protocol() is self
        return is_http and (self.cycle is None or self.cycle.response_complete)

    def _arm(self) -> None:
        self._deadline = self.loop.call_later(self.request_within_s, self._expire)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _expire(self) -> None:
        self._deadline = None
        if self._waits() and self.timeout_keep_alive_task is None and not self.transport.is_closing():
            self.transport.close()


def allow_many_connections() -> None:
    """Raises this process's limit of open files to the maximum."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    except (ValueError, OSError):  # macOS reports "unlimited" but allows less
        return


def accept_many(listener: socket.socket) -> list[socket.socket]:
    """Duplicates the listening socket, one descriptor for each connection accepted per loop iteration.

    uvloop accepts one connection per descriptor and iteration (as libuv does since 1.45). If hundreds of
    clients connect per second and an iteration takes 3 ms, all others wait in the queue: /health/liveness for
    more than a second.
    """
    return [listener, *(listener.dup() for _ in range(ACCEPTED_A_TURN - 1))]
