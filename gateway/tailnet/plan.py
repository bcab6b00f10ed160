"""Parses and validates the tailnet's settings before anything starts."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit

from billing.errors import NotConfigured
from billing.settings import Settings, words

OAUTH_SECRET = "tskey-client-"  # noqa: S105 - the prefix of such a secret, not a secret
FORWARDS_MAX = 64
_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(_LABEL)
_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_TAG = re.compile(r"tag:[a-zA-Z][a-zA-Z0-9-]*")
_FORWARD = re.compile(r"(?P<name>[^=]+)=(?P<local>\d{1,5}):(?P<host>\[[^\]]+\]|[^:\[\]]+):(?P<port>\d{1,5})")


@dataclass(frozen=True, slots=True)
class Forward:
    """One node: connections to `local_port` on the loopback are forwarded to `host:port` in the tailnet."""

    name: str
    local_port: int
    host: str  # a device's name, or an address in the tailnet
    port: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that tailscaled and the forwarders need. `auth_key` is the only secret."""

    auth_key: str
    hostname: str
    tags: tuple[str, ...]
    login_server: str | None
    advertise_routes: tuple[str, ...]
    accept_routes: bool
    forwards: tuple[Forward, ...]
    socks5_port: int | None
    dial_timeout_s: float
    ping_interval_s: float
    gone_after_s: float
    connections_max: int

    @property
    def asks_for_tags(self) -> bool:
        """Whether `up` passes the tags. Headscale rejects that: there, tags belong to the key."""
        return self.login_server is None or self.auth_key.startswith(OAUTH_SECRET)

    def __repr__(self) -> str:
        return f"Plan(hostname={self.hostname!r}, tags={self.tags!r}, forwards={self.forwards!r})"


def read_plan(settings: Settings) -> Plan:
    """Turns the settings into a plan. Raises NotConfigured, naming the variable, if they cannot work."""
    return Plan(
        auth_key=_auth_key(settings),
        hostname=_matching(_NAME, settings.tailscale_hostname, "TAILSCALE_HOSTNAME", "a host name"),
        tags=tuple(_tags(settings)),
        login_server=_login_server(settings),
        advertise_routes=tuple(_routes(settings)),
        accept_routes=settings.tailscale_accept_routes,
        forwards=read_forwards(settings),
        socks5_port=settings.tailnet_socks5_port,
        dial_timeout_s=settings.tailnet_dial_timeout_s,
        ping_interval_s=settings.tailnet_ping_interval_s,
        gone_after_s=settings.tailnet_gone_after_s,
        connections_max=settings.tailnet_connections_max,
    )


def read_forwards(settings: Settings) -> tuple[Forward, ...]:
    """Parses TAILNET_FORWARD, in order. Raises NotConfigured for an invalid or duplicate entry."""
    forwards = tuple(_forward(entry) for entry in words(settings.tailnet_forward))
    if len(forwards) > FORWARDS_MAX:
        raise NotConfigured(f"TAILNET_FORWARD has {len(forwards)} nodes; at most {FORWARDS_MAX} work.")
    used: set[str | int | None] = {settings.port, settings.tailnet_socks5_port}
    for forward in forwards:
        for word in (forward.name, forward.local_port):
            if word in used:
                raise NotConfigured(f"TAILNET_FORWARD: {word} of {forward.name!r} is used already.")
            used.add(word)
    return forwards


def _forward(entry: str) -> Forward:
    match = _FORWARD.fullmatch(entry)
    if match is None:
        raise NotConfigured(
            f"TAILNET_FORWARD: {entry!r} is not NAME=LOCAL_PORT:HOST:PORT, like hugo=11501:hugo:11434."
        )
    name = _matching(_NAME, match["name"], "TAILNET_FORWARD", "a name of letters, digits and dashes")
    return Forward(name, _port(match["local"], entry), _host(match["host"]), _port(match["port"], entry))


def _host(text: str) -> str:
    """Returns a device's name in lower case, or an address as tailscaled writes it."""
    try:
        return str(ipaddress.ip_address(text.strip("[]")))
    except ValueError:
        return _matching(_HOST, text.lower().rstrip("."), "TAILNET_FORWARD", "a device's name or address")


def _port(text: str, entry: str) -> int:
    if not 1 <= int(text) <= 65535:
        raise NotConfigured(f"TAILNET_FORWARD: {entry!r} has no port between 1 and 65535.")
    return int(text)


def _auth_key(settings: Settings) -> str:
    """Returns the key for `tailscale up`.

    An OAuth client secret creates an auth key at each join. The key must be ephemeral, or every deploy would
    leave a dead device behind, and preauthorized, or a person would have to approve each one. Source:
    https://tailscale.com/kb/1215/oauth-clients
    """
    key = settings.tailscale_auth_key.get_secret_value().strip() if settings.tailscale_auth_key else ""
    if not key:
        raise NotConfigured("TAILSCALE_AUTH_KEY is not set.")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise NotConfigured("TAILSCALE_AUTH_KEY is not one word: was something pasted with it?")
    if key.startswith("tskey-api-"):
        raise NotConfigured("TAILSCALE_AUTH_KEY is an API token; make an auth key or an OAuth client.")
    if not key.startswith(OAUTH_SECRET):
        return key
    secret, _, query = key.partition("?")
    attributes = {"preauthorized": "true"} | dict(parse_qsl(query)) | {"ephemeral": "true"}
    return f"{secret}?{urlencode(attributes, safe=':/')}"


def _tags(settings: Settings) -> Iterator[str]:
    tags = words(settings.tailscale_tags)
    if not tags:
        raise NotConfigured("TAILSCALE_TAGS names no tag: the gateway must not join as a person.")
    for tag in tags:
        yield _matching(_TAG, tag, "TAILSCALE_TAGS", "a tag like tag:railway-proxy")


def _login_server(settings: Settings) -> str | None:
    url = settings.tailscale_login_server
    if url is not None and (urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname):
        raise NotConfigured("TAILSCALE_LOGIN_SERVER must be an http(s) URL.")
    return url


def _routes(settings: Settings) -> Iterator[str]:
    for route in words(settings.tailscale_advertise_routes):
        try:
            network = ipaddress.ip_network(route)
        except ValueError as error:
            raise NotConfigured(f"TAILSCALE_ADVERTISE_ROUTES: {error}.") from error
        if network.prefixlen == 0:
            raise NotConfigured("TAILSCALE_ADVERTISE_ROUTES: an exit node does not work from a gateway.")
        yield str(network)


def _matching(pattern: re.Pattern[str], text: str, variable: str, what: str) -> str:
    if pattern.fullmatch(text) is None:
        raise NotConfigured(f"{variable}: {text!r} is not {what}.")
    return text
