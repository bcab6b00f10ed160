"""Unit tests cannot reach the network, whatever the code they run does."""

from __future__ import annotations

import asyncio
import socket

import pytest
from pytest_socket import SocketBlockedError

# `filterwarnings = error` turns the warning that comes before the error into the error.
BLOCKED = (SocketBlockedError, UserWarning)


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_no_network_socket_can_be_opened(family: socket.AddressFamily, kind: socket.SocketKind) -> None:
    with pytest.raises(BLOCKED, match=r"tried to use socket\.socket"):
        socket.socket(family, kind)


@pytest.mark.enable_socket
def test_a_marker_does_not_change_that() -> None:
    with pytest.raises(BLOCKED, match=r"tried to use socket\.socket"):
        socket.socket(socket.AF_INET, socket.SOCK_STREAM)


async def test_asyncio_connects_and_listens_nowhere() -> None:
    with pytest.raises(BLOCKED, match=r"tried to use socket\.socket"):
        await asyncio.open_connection("127.0.0.1", 9)
    with pytest.raises(BLOCKED, match=r"tried to use socket\.socket"):
        await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)


def test_no_host_is_looked_up() -> None:
    with pytest.raises(BLOCKED, match=r"tried to use socket\.getaddrinfo"):
        socket.getaddrinfo("localhost", 80)


def test_a_socket_pair_can_be_opened_for_event_loops() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(b"awake")
        assert theirs.recv(5) == b"awake"


def test_no_postgres_is_started(request: pytest.FixtureRequest) -> None:
    with pytest.raises(pytest.fail.Exception, match="Unit tests have no Postgres"):
        request.getfixturevalue("database_url")
