"""The socket that the supervisor binds for the gateway process, with real connections to it."""

from __future__ import annotations

import socket

import pytest

from gateway.failures import PortTaken
from gateway.start.listening import bind


def test_one_socket_takes_both_kinds_of_address() -> None:
    with bind("::", 0) as listener:
        listener.listen()
        port = listener.getsockname()[1]
        for host in ("127.0.0.1", "::1"):
            socket.create_connection((host, port), timeout=5).close()


def test_before_it_listens_clients_are_refused() -> None:
    with bind("::", 0) as listener, pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", listener.getsockname()[1]), timeout=5)


def test_a_taken_port_is_said() -> None:
    with bind("127.0.0.1", 0) as first:
        first.listen()
        with pytest.raises(PortTaken, match="cannot listen on"):
            bind("127.0.0.1", first.getsockname()[1])
