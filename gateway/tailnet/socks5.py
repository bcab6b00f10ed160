"""Dials through tailscaled's SOCKS5 port instead of its LocalAPI. Source: RFC 1928, sections 3 to 6."""

from __future__ import annotations

import asyncio
import ipaddress

from gateway.tailnet.errors import DaemonFailed, Unreachable
from gateway.tailnet.localapi import StreamPair

VERSION, NO_AUTHENTICATION, CONNECT, RESERVED = 5, 0, 1, 0
IPV4, IPV6 = 1, 4
SUCCEEDED = 0
ADDRESS_BYTES = {IPV4: 4, IPV6: 16}


async def dial(proxy_port: int, address: str, port: int) -> StreamPair:
    """Opens a connection to `address:port` through the proxy on this loopback port; the caller closes it.

    The proxy dials any address, so only pass addresses of peers. Raises Unreachable if the device refuses,
    DaemonFailed if there is no proxy.
    """
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy_port)
    except OSError as error:
        raise DaemonFailed("tailscaled is not running") from error
    try:
        writer.write(bytes((VERSION, 1, NO_AUTHENTICATION)))
        if await reader.readexactly(2) != bytes((VERSION, NO_AUTHENTICATION)):
            raise DaemonFailed("tailscaled's SOCKS5 port wants a login")
        writer.write(bytes((VERSION, CONNECT, RESERVED)) + _encoded(address) + port.to_bytes(2))
        await _accepted(reader)
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        writer.transport.abort()
        raise DaemonFailed("tailscaled closed the connection while dialing") from error
    except BaseException:  # also if the deadline cancels us: nobody else knows this connection
        writer.transport.abort()
        raise
    return reader, writer


def _encoded(address: str) -> bytes:
    parsed = ipaddress.ip_address(address)
    return bytes((IPV4 if parsed.version == 4 else IPV6,)) + parsed.packed


async def _accepted(reader: asyncio.StreamReader) -> None:
    """Reads the proxy's whole answer: the next byte is the node's."""
    _, reply, _, kind = await reader.readexactly(4)
    if reply != SUCCEEDED:
        raise Unreachable("the connection was refused: is the model server running there?")
    if kind not in ADDRESS_BYTES:
        raise DaemonFailed("tailscaled's SOCKS5 port answered outside of RFC 1928")
    await reader.readexactly(ADDRESS_BYTES[kind] + 2)
