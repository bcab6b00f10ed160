"""Creates the socket that the gateway listens on.

We do it ourselves because asyncio binds `::` for IPv6 only, which refuses IPv4 clients, and because an
occupied port should be reported before half a minute is spent importing LiteLLM.
"""

from __future__ import annotations

import socket

from gateway.failures import PortTaken

ANY = "::"


def bind(host: str, port: int) -> socket.socket:
    """Returns a bound socket that is not listening yet: clients are refused until the gateway can answer.

    `::` serves IPv6 and IPv4, or only IPv4 if the kernel has no IPv6. Raises PortTaken.
    """
    address = "0.0.0.0" if host == ANY and not _has_ipv6() else host  # noqa: S104 - asked for by `::`
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind((address, port))
    except OSError as error:
        listener.close()
        raise PortTaken(f"cannot listen on {address} port {port}: {error.strerror or error}") from error
    return listener


def _has_ipv6() -> bool:
    """Whether IPv6 works: in many containers the address family exists, but not its wildcard address."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind((ANY, 0))
    except OSError:
        return False
    return True
