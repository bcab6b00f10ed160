"""Decides which environment variables the gateway process gets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

NOT_FOR_US = frozenset(
    (
        "WEB_CONCURRENCY",  # would turn one process into several; replicas are the way to more
        "PYTHONDONTWRITEBYTECODE",  # would compile LiteLLM anew at each start
    )
)
"""Variables that no gateway process inherits, whoever starts it."""

TAILNET_KEYS = frozenset(("TAILSCALE_AUTH_KEY", "TS_AUTHKEY", "TS_AUTH_KEY"))
"""Secrets to join the tailnet: only the supervisor has them."""

PROXIES = frozenset(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "FTP_PROXY"))
"""LiteLLM, Stripe's SDK and httpx use these, in upper and lower case, for everything they send."""


def proxies_in(environment: Mapping[str, str]) -> list[str]:
    """Returns the names of the proxy variables that are set."""
    return sorted(name for name, value in environment.items() if name.upper() in PROXIES and value)


def for_gateway(environment: Mapping[str, str], ours: Mapping[str, str], *, tailnet: bool) -> dict[str, str]:
    """Returns the gateway's environment: `environment` without excluded variables, plus `ours`.

    With a tailnet no proxy variable is passed: its nodes are reached through forwarders on loopback, and
    everything else goes direct (`docs/tailscale.md`).
    """
    return dict(_passing(environment, tailnet=tailnet)) | dict(ours)


def _passing(environment: Mapping[str, str], *, tailnet: bool) -> Iterator[tuple[str, str]]:
    for name, value in environment.items():
        if name in TAILNET_KEYS or name in NOT_FOR_US:
            continue
        if tailnet and name.upper() in PROXIES:
            continue
        yield name, value
