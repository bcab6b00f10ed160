"""Validates where the browser may go after Checkout: our own pages, or hosts listed by the operator."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from billing.errors import BadRequest
from billing.settings import Settings

RETURN_PATH = "/billing/topup/return"
_DEFAULT_PORTS = {"http": 80, "https": 443}
# Browsers accept URLs that urlsplit reads differently (backslashes, blanks): only plain URLs pass.
_PLAIN_URL = re.compile(r"https?://[A-Za-z0-9._\-\[\]:]+([/?][!#-;=?-\[\]_a-~]*)?", re.ASCII)


def public_url(settings: Settings) -> str:
    """The gateway's public address without a trailing slash. Never taken from a Host header."""
    return (settings.billing_public_url or f"http://127.0.0.1:{settings.port}").rstrip("/")


def success_url(settings: Settings, requested: str | None) -> str:
    """Validates `success_url`; defaults to our own page. Raises BadRequest for an unlisted host."""
    if requested is None:
        return f"{public_url(settings)}{RETURN_PATH}?session_id={{CHECKOUT_SESSION_ID}}"
    return _checked(settings, requested, "success_url")


def cancel_url(settings: Settings, requested: str | None) -> str:
    """Validates `cancel_url`; defaults to our own page. Raises BadRequest for an unlisted host."""
    if requested is None:
        return f"{public_url(settings)}{RETURN_PATH}?canceled=1"
    return _checked(settings, requested, "cancel_url")


def _checked(settings: Settings, url: str, field: str) -> str:
    target = _split(url)
    if target is None:
        raise BadRequest(f"{field} must be a plain http or https URL.", param=field)
    if _origin(target) != _origin(urlsplit(public_url(settings))) and not _is_named(settings, target):
        raise BadRequest(
            f"{field} may not lead to {target.hostname}: the operator has not listed that host "
            "in BILLING_RETURN_HOSTS.",
            param=field,
        )
    return url


def _split(url: str) -> SplitResult | None:
    if not _PLAIN_URL.fullmatch(url):
        return None
    try:
        target = urlsplit(url)
        return target if target.hostname and (target.port is None or target.port > 0) else None
    except ValueError:  # an invalid port or IPv6 address
        return None


def _origin(url: SplitResult) -> tuple[str, str | None, int | None]:
    return url.scheme, url.hostname, url.port or _DEFAULT_PORTS.get(url.scheme)


def _is_named(settings: Settings, target: SplitResult) -> bool:
    port = target.port or _DEFAULT_PORTS[target.scheme]
    with_port = f"{target.hostname}:{port}"
    hosts = settings.return_hosts
    return with_port in hosts or (target.hostname in hosts and port == _DEFAULT_PORTS[target.scheme])
