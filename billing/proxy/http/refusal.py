"""Renders a refusal in the format of the client's API: OpenAI's error shape, or Anthropic's."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from billing.api.http import error_detail, error_headers
from billing.errors import BillingError, InsufficientCredits
from billing.proxy.calls.call import Call

TOP_UP_PATH = "/billing"
_ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
}


class Refusals:
    """Sends the refusal of one request."""

    __slots__ = ("_call", "_receive", "_scope", "_send", "_top_up_url")

    def __init__(
        self, call: Call, scope: Scope, receive: Receive, send: Send, top_up_url: str | None
    ) -> None:
        self._call = call
        self._scope = scope
        self._receive = receive
        self._send = send
        self._top_up_url = top_up_url

    def error(self, refusal: BillingError) -> dict[str, JsonValue]:
        """Builds the error object in the API's format; for missing credit it names the top-up page."""
        detail = error_detail(refusal)
        if isinstance(refusal, InsufficientCredits):
            detail["top_up_url"] = self._top_up_url or _own_url(Headers(scope=self._scope))
        return _anthropic(refusal, detail) if self._speaks_anthropic else detail

    async def answer(self, refusal: BillingError, headers: Mapping[str, str] | None = None) -> None:
        """Sends the complete response with `x-billing-call-id` and these headers; records its status."""
        error = self.error(refusal)
        body: JsonValue = {"type": "error", "error": error} if self._speaks_anthropic else {"error": error}
        ours = {**error_headers(refusal), "x-billing-call-id": self._call.id}
        self._call.delivery.status = refusal.status
        response = JSONResponse(body, refusal.status, {**ours, **(headers or {})})
        await response(self._scope, self._receive, self._send)

    @property
    def _speaks_anthropic(self) -> bool:
        return "/v1/messages" in self._call.path


def _own_url(request_headers: Headers) -> str:
    scheme = request_headers.get("x-forwarded-proto", "http").split(",")[0].strip()
    return f"{scheme}://{request_headers.get('host', 'localhost')}{TOP_UP_PATH}"


def _anthropic(refusal: BillingError, detail: dict[str, JsonValue]) -> dict[str, JsonValue]:
    names = ("available", "required", "top_up_url")
    credit: dict[str, JsonValue] = {name: detail[name] for name in names if name in detail}
    other = "invalid_request_error" if refusal.status < 500 else "api_error"
    kind = _ANTHROPIC_TYPES.get(refusal.status, other)
    return {"type": kind, "message": refusal.message, **credit}
