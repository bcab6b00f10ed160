"""A refusal in the words of the API that the client speaks: OpenAI's error shape, or Anthropic's."""

from __future__ import annotations

from pydantic import JsonValue
from starlette.datastructures import Headers
from starlette.responses import JSONResponse

from billing.errors import BillingError, InsufficientCredits
from billing.http import error_detail, error_headers
from billing.proxy.call import Call

TOP_UP_PATH = "/billing"
_ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
}


def refusal_response(
    call: Call, refusal: BillingError, request_headers: Headers, top_up_url: str | None
) -> JSONResponse:
    """The response to a call that billing refused, with `x-billing-call-id`."""
    error = error_in_its_shape(call, refusal, request_headers, top_up_url)
    body: JsonValue = {"type": "error", "error": error} if _speaks_anthropic(call) else {"error": error}
    headers = {**error_headers(refusal), "x-billing-call-id": call.id}
    return JSONResponse(body, refusal.status, headers)


def error_in_its_shape(
    call: Call, refusal: BillingError, request_headers: Headers, top_up_url: str | None
) -> dict[str, JsonValue]:
    """The error object in the shape of the call's API; of missing credit it names the page to top up."""
    detail = error_detail(refusal)
    if isinstance(refusal, InsufficientCredits):
        detail["top_up_url"] = top_up_url or _own_url(request_headers)
    return _anthropic(refusal, detail) if _speaks_anthropic(call) else detail


def _speaks_anthropic(call: Call) -> bool:
    return "/v1/messages" in call.path


def _own_url(request_headers: Headers) -> str:
    scheme = request_headers.get("x-forwarded-proto", "http").split(",")[0].strip()
    return f"{scheme}://{request_headers.get('host', 'localhost')}{TOP_UP_PATH}"


def _anthropic(refusal: BillingError, detail: dict[str, JsonValue]) -> dict[str, JsonValue]:
    names = ("available", "required", "top_up_url")
    credit: dict[str, JsonValue] = {name: detail[name] for name in names if name in detail}
    kind = _ANTHROPIC_TYPES.get(refusal.status, "api_error")
    return {"type": kind, "message": refusal.message, **credit}
