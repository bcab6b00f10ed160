"""Renders templates with the security headers of all pages."""

from __future__ import annotations

from secrets import token_urlsafe

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

_environment = Environment(
    loader=PackageLoader("billing.pages"), autoescape=True, undefined=StrictUndefined, auto_reload=False
)


def render(template: str, *, status: int = 200, **values: object) -> HTMLResponse:
    """Renders a page without external assets: only its own style and script, which carry a nonce, may run.

    The address contains a Checkout Session's id, so the page is neither cached nor sent as a referrer.
    """
    nonce = token_urlsafe(16)
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        f"style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; img-src data:"
    )
    return HTMLResponse(
        _environment.get_template(template).render(nonce=nonce, **values),
        status_code=status,
        headers={
            "content-security-policy": policy,
            "cache-control": "no-store",
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
            "x-frame-options": "DENY",
        },
    )
