"""Finds free ports."""

from __future__ import annotations

import errno
import socket

from gateway.failures import PortTaken

LOOPBACK = "127.0.0.1"


def is_free(host: str, port: int) -> bool:
    """Whether `host`:`port` is free now. Raises OSError for an address that is not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((host, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def require_free(host: str, port: int, who: str) -> None:
    """Raises PortTaken if `who` cannot listen on `host`:`port`."""
    try:
        free = is_free(host, port)
    except OSError as error:
        raise PortTaken(
            f"cannot listen on {host} ({error.strerror}): set HOST to an address of this machine"
        ) from error
    if not free:
        raise PortTaken(f"port {port} of {host} is taken, and {who} needs it: set PORT to another one")


def free_port(preferred: int | None = None) -> int:
    """Returns a free loopback port: `preferred` if possible, so that URLs stay the same."""
    if preferred is not None and is_free(LOOPBACK, preferred):
        return preferred
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as candidate:
        candidate.bind((LOOPBACK, 0))
        return int(candidate.getsockname()[1])
