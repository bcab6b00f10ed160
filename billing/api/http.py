"""Request and response handling shared by all billing routes: body limits, exact JSON, OpenAI-style errors.

LiteLLM's app has its own exception handlers, which stay untouched: `BillingRoute` renders billing errors
itself, for billing routes only.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Coroutine
from decimal import Decimal, InvalidOperation

import psycopg
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from psycopg_pool import PoolClosed, PoolTimeout
from pydantic import BaseModel, Field, JsonValue
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from billing.errors import BadRequest, BillingError, InsufficientCredits, LedgerUnavailable, TooLarge
from billing.money import format_nanos

BODY_BYTES_MAX = 64 * 1024
WEBHOOK_BYTES_MAX = 1024 * 1024
RETRY_AFTER_S = 5

logger = logging.getLogger(__name__)
Handler = Callable[[Request], Coroutine[object, object, Response]]


class ErrorDetail(BaseModel):
    """OpenAI's error object (https://platform.openai.com/docs/guides/error-codes)."""

    message: str = Field(description="What is wrong and what to do about it.")
    type: str = Field(examples=["invalid_request_error"])
    param: str | None = Field(None, description="The invalid field.")
    code: str | None = Field(None, description="A stable code for programs.", examples=["invalid_amount"])


class ErrorBody(BaseModel):
    """The body of every 4xx and 5xx response of a billing route."""

    error: ErrorDetail


_DESCRIPTIONS = {
    400: "The request is invalid; do not retry it unchanged.",
    401: "The key is missing, unknown, blocked or expired.",
    403: "The key is valid but not allowed to do this.",
    404: "The object does not exist or belongs to someone else.",
    409: "The request conflicts with the current state.",
    413: "The body is too large.",
    503: "A dependency is temporarily unavailable; try again later.",
}
Responses = dict[int | str, dict[str, object]]


def errors(*statuses: int) -> Responses:
    """Builds a route's `responses=` for these error statuses; covers all 4XX, so FastAPI adds no 422."""
    declared: Responses = {
        status: {"model": ErrorBody, "description": _DESCRIPTIONS[status]} for status in statuses
    }
    declared["4XX"] = {"model": ErrorBody, "description": "All other errors have the same shape."}
    return declared


class BillingRequest(Request):
    """A request with a size-limited body whose JSON numbers are Decimals and never NaN."""

    async def read(self, bytes_max: int) -> None:
        """Reads the body.

        Raises TooLarge as soon as more than `bytes_max` bytes are announced or received.
        """
        announced = self.headers.get("content-length", "")
        if announced.isdecimal() and (len(announced) > 15 or int(announced) > bytes_max):
            raise _too_large(bytes_max)
        chunks: list[bytes] = []
        size = 0
        async for chunk in self.stream():
            size += len(chunk)
            if size > bytes_max:
                raise _too_large(bytes_max)
            chunks.append(chunk)
        self._body = b"".join(chunks)

    async def json(self) -> object:
        """Parses the body as JSON.

        Raises json.JSONDecodeError, which FastAPI turns into a validation error.
        """
        return parse_json(await self.body())


def _too_large(bytes_max: int) -> TooLarge:
    return TooLarge(f"The body is larger than {bytes_max} bytes.")


def parse_json(body: bytes) -> object:
    """Parses strict JSON: numbers with a decimal point become Decimal; NaN and infinities are rejected.

    Raises json.JSONDecodeError for anything unreadable: other encodings, excessive nesting or digits.
    """
    try:
        parsed: object = json.loads(body, parse_float=Decimal, parse_constant=_no_constant)
    except json.JSONDecodeError:
        raise
    except (ValueError, InvalidOperation, RecursionError) as error:
        raise json.JSONDecodeError(f"unreadable JSON: {type(error).__name__}", "", 0) from error
    return parsed


def _no_constant(name: str) -> Decimal:
    raise ValueError(f"{name} is not valid JSON")


class BillingRoute(APIRoute):
    """A route that returns BillingError, invalid input and database outages as OpenAI-style errors."""

    body_bytes_max = BODY_BYTES_MAX

    def get_route_handler(self) -> Handler:
        """Wraps FastAPI's handler with the body limit and billing's error rendering."""
        handle = super().get_route_handler()

        async def handle_billing(request: Request) -> Response:
            bounded = BillingRequest(request.scope, request.receive)
            try:
                await bounded.read(self.body_bytes_max)
                return await handle(bounded)
            except BillingError as error:
                return error_response(error)
            except RequestValidationError as error:
                return error_response(_bad_request(error))
            except (psycopg.OperationalError, PoolTimeout, PoolClosed) as error:
                logger.warning("database unavailable on %s: %s", request.url.path, type(error).__name__)
                return error_response(LedgerUnavailable("The database did not answer. Try again shortly."))
            except ClientDisconnect:
                return Response(status_code=499)  # the client is gone; nobody reads this

        return handle_billing


class WebhookRoute(BillingRoute):
    """A route with the larger body limit of Stripe's events."""

    body_bytes_max = WEBHOOK_BYTES_MAX


def _bad_request(error: RequestValidationError) -> BadRequest:
    first = error.errors()[0]
    path = [str(part) for part in first["loc"] if part not in ("body", "query", "path", "header")]
    field = ".".join(path) if first["type"] != "json_invalid" else ""
    message = str(first["msg"]).removeprefix("Value error, ")
    return BadRequest(f"{field}: {message}" if field else message, param=field or None)


def error_detail(error: BillingError) -> dict[str, JsonValue]:
    """Renders `error` as OpenAI's error object, for InsufficientCredits with the amounts."""
    detail: dict[str, JsonValue] = {
        "message": error.message,
        "type": error.type,
        "param": error.param,
        "code": error.code,
    }
    if isinstance(error, InsufficientCredits):
        detail["available"] = format_nanos(error.available_nanos)
        detail["required"] = format_nanos(error.required_nanos)
    return detail


def error_response(error: BillingError) -> JSONResponse:
    """Renders `error` in OpenAI's shape, with Retry-After if a retry may succeed."""
    return JSONResponse({"error": error_detail(error)}, error.status, error_headers(error))


def error_headers(error: BillingError) -> dict[str, str]:
    """Headers of an error: never cached, with Retry-After if a retry may succeed."""
    headers = {"cache-control": "no-store"}
    if error.status == 503:
        headers["retry-after"] = str(RETRY_AFTER_S)
    return headers
