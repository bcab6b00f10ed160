"""Finds the tailnet device of a node in tailscaled's own list.

A name is compared with the DNS name from the control server, never with the host name, which a device chooses
itself. An address must belong to a peer or to a subnet that a peer routes. Everything else is refused: only
declared nodes are reached through the tailnet.
"""

from __future__ import annotations

import ipaddress

from pydantic import BaseModel, ConfigDict, Field

from gateway.tailnet.errors import Unreachable


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Peer(_Answer):
    """A device of the tailnet. Source: `ipn/ipnstate.PeerStatus` in tailscale's source."""

    dns_name: str = Field("", alias="DNSName")
    addresses: tuple[str, ...] | None = Field(None, alias="TailscaleIPs")
    routes: tuple[str, ...] | None = Field(None, alias="PrimaryRoutes")
    tags: tuple[str, ...] | None = Field(None, alias="Tags")
    online: bool = Field(False, alias="Online")
    expired: bool = Field(False, alias="Expired")

    def has(self, address: str) -> bool:
        """Whether the address is this device's own, or in a subnet that it routes."""
        if address in (self.addresses or ()):
            return True
        wanted = ipaddress.ip_address(address)
        networks = [ipaddress.ip_network(route) for route in self.routes or ()]
        return any(network.prefixlen > 0 and wanted in network for network in networks)


class _CurrentTailnet(_Answer):
    suffix: str = Field("", alias="MagicDNSSuffix")


class Status(_Answer):
    """What tailscaled knows. Source: `ipn/ipnstate.Status`."""

    version: str = Field("", alias="Version")
    backend_state: str = Field(alias="BackendState")
    this: Peer | None = Field(None, alias="Self")
    peers: dict[str, Peer] | None = Field(None, alias="Peer")
    tailnet: _CurrentTailnet | None = Field(None, alias="CurrentTailnet")

    @property
    def running(self) -> bool:
        """Whether we are in the tailnet."""
        return self.backend_state == "Running"


def find_peer(status: Status, host: str) -> tuple[Peer, str]:
    """Returns the device that `host` names, and the address to dial. Raises Unreachable if there is none."""
    if not status.running:
        raise Unreachable("this gateway is not in the tailnet now")
    is_address = _is_address(host)
    for peer in (status.peers or {}).values():
        if peer.has(host) if is_address else _bare(peer.dns_name) in _names(host, status):
            if peer.expired:
                raise Unreachable("the device's key in the tailnet has expired")
            return peer, host if is_address else _address(peer)
    raise Unreachable("no device of the tailnet that this gateway may reach has this name")


def _names(host: str, status: Status) -> set[str]:
    """`hugo` means `hugo` in our own tailnet; a name with dots is complete."""
    suffix = _bare(status.tailnet.suffix) if status.tailnet else ""
    return {host} if "." in host else {f"{host}.{suffix}"}


def _address(peer: Peer) -> str:
    """Prefers IPv4, which works in every tailnet."""
    addresses = sorted(peer.addresses or (), key=lambda address: ":" in address)
    if not addresses:
        raise Unreachable("the device has no address in the tailnet")
    return addresses[0]


def _bare(name: str) -> str:
    return name.rstrip(".").lower()


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
