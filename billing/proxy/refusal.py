"""A refusal in the words of the API that the client speaks: OpenAI's error shape, or Anthropic's."""

from __future__ import annotations

from pydantic import JsonValue
from starlette.datastructures import Headers
from starlette.responses import JSONResponse

from billing.errors import BillingError, InsufficientCredits
from billing.money import format_nanos
from billing.proxy.call import Call

TOP_UP_PATH = "/billing"


def refusal_response(
    call: Call, refusal: BillingError, request_headers: Headers, top_up_url: str | None
) -> JSONResponse:
    """The response to a call that billing refused, with `x-billing-call-id`."""
    extra = _credit_fields(refusal, top_up_url or _own_url(request_headers))
    body = _anthropic(refusal, extra) if "/v1/messages" in call.path else _openai(refusal, extra)
    return JSONResponse(body, refusal.status, headers={"x-billing-call-id": call.id})


def _own_url(request_headers: Headers) -> str:
    scheme = request_headers.get("x-forwarded-proto", "http").split(",")[0].strip()
    return f"{scheme}://{request_headers.get('host', 'localhost')}{TOP_UP_PATH}"


def _credit_fields(refusal: BillingError, top_up_url: str) -> dict[str, JsonValue]:
    if not isinstance(refusal, InsufficientCredits):
        return {}
    return {
        "available": format_nanos(refusal.available_nanos),
        "required": format_nanos(refusal.required_nanos),
        "top_up_url": top_up_url,
    }


def _openai(refusal: BillingError, extra: dict[str, JsonValue]) -> JsonValue:
    error = {"message": refusal.message, "type": refusal.type, "param": None, "code": refusal.code}
    return {"error": {**error, **extra}}


_ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
}


def _anthropic(refusal: BillingError, extra: dict[str, JsonValue]) -> JsonValue:
    kind = _ANTHROPIC_TYPES.get(refusal.status, "api_error")
    return {"type": "error", "error": {"type": kind, "message": refusal.message, **extra}}
