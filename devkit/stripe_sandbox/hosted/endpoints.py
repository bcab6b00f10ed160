"""`/c/pay/{session_id}`: what Stripe's hosted page does, on a plain form."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, get_args
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from devkit.stripe_sandbox import checkout
from devkit.stripe_sandbox.currencies import display
from devkit.stripe_sandbox.errors import InvalidRequest, StripeFault
from devkit.stripe_sandbox.objects.catalog import LineItem
from devkit.stripe_sandbox.objects.payments import BankDebit
from devkit.stripe_sandbox.objects.session import CheckoutSession
from devkit.stripe_sandbox.operation import Operation
from devkit.stripe_sandbox.runtime import Sandbox
from devkit.stripe_sandbox.store import Condition

if TYPE_CHECKING:
    from jinja2 import Environment

LINES_SHOWN = 100
FORM_MAX = 16 * 1024
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"


@cache
def _templates() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # 0.2 s that a start need not wait for

    return Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
    )


class PaymentPage:
    """The page, bound to one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def routes(self) -> list[Route]:
        """The routes of the page."""
        return [
            Route("/c/pay/{id}", self.show, methods=["GET"]),
            Route("/c/pay/{id}", self.submit, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """`GET /c/pay/{id}`"""
        session = self._session(request)
        if session is None:
            return self._notice(404, "No such payment", "This payment link is not known here.")
        return self._page(session)

    async def submit(self, request: Request) -> Response:
        """`POST /c/pay/{id}`: pays, then goes to the success URL; a refusal shows the form again."""
        session = self._session(request)
        if session is None:
            return self._notice(404, "No such payment", "This payment link is not known here.")
        if session.status == "complete":
            return RedirectResponse(success_url(session), 303)
        try:
            form = await _form(request)
            paid = self.sandbox.operate(lambda operation: _pay(operation, session.id, form))
        except StripeFault as fault:
            return self._page(self._session(request) or session, error=fault)
        return RedirectResponse(success_url(paid), 303)

    def _session(self, request: Request) -> CheckoutSession | None:
        return self.sandbox.store.get(CheckoutSession, request.path_params["id"])

    def _page(self, session: CheckoutSession, error: StripeFault | None = None) -> Response:
        if session.status == "complete":
            return self._notice(200, "Already paid", "This payment is complete.", success_url(session))
        if session.status == "expired":
            return self._notice(
                410, "This payment link has expired", "Ask for a new one.", session.cancel_url
            )
        lines = self.sandbox.store.find(
            LineItem, [Condition("parent = ?", (session.id,))], limit=LINES_SHOWN, newest_first=False
        )
        details = session.customer_details
        html = (
            _templates()
            .get_template("pay.html")
            .render(
                bank_debit=not set(get_args(BankDebit)).isdisjoint(session.payment_method_types),
                card="card" in session.payment_method_types,
                cancel_url=session.cancel_url,
                email=(details.email if details else None) or "",
                error=error.message if error else None,
                lines=[
                    (line.description, line.quantity, display(line.amount_total, line.currency))
                    for line in lines
                ],
                total=display(session.amount_total, session.currency),
            )
        )
        return _html(html, error.status if error else 200)

    def _notice(self, status: int, title: str, text: str, link: str | None = None) -> Response:
        html = _templates().get_template("notice.html").render(title=title, text=text, link=link)
        return _html(html, status)


def _pay(operation: Operation, session_id: str, form: dict[str, str]) -> CheckoutSession:
    email = form.get("email") or None
    method = form.get("method", "card")
    if method == "card":
        return checkout.pay_by_card(operation, session_id, form.get("card_number", ""), email)
    if method == "bank_debit_succeeds":
        return checkout.pay_by_bank(operation, session_id, "succeeded", email)
    if method == "bank_debit_fails":
        return checkout.pay_by_bank(operation, session_id, "failed", email)
    raise InvalidRequest("Choose a payment method.", param="method")


async def _form(request: Request) -> dict[str, str]:
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > FORM_MAX:
            raise InvalidRequest("The form is too large.")
    return dict(parse_qsl(content.decode("utf-8", "replace"), keep_blank_values=True))


def success_url(session: CheckoutSession) -> str:
    """Where a buyer goes who has paid (https://docs.stripe.com/payments/checkout/custom-success-page)."""
    return session.success_url.replace("{CHECKOUT_SESSION_ID}", session.id)


def _html(html: str, status: int) -> Response:
    headers = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": _POLICY,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return HTMLResponse(html, status, headers)
