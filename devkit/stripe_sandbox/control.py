"""`/sandbox/…`: extensions for scripts and tests. JSON in, JSON out, no key."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from devkit.stripe_sandbox import checkout, deliveries
from devkit.stripe_sandbox.api import BODY_MAX, Handler, render
from devkit.stripe_sandbox.errors import InvalidRequest, Json, StripeFault
from devkit.stripe_sandbox.objects.events import Event
from devkit.stripe_sandbox.objects.session import CheckoutSession
from devkit.stripe_sandbox.operation import Operation
from devkit.stripe_sandbox.params import param_name
from devkit.stripe_sandbox.runtime import Sandbox
from devkit.stripe_sandbox.switches import Switches

LOG_MAX = 1000
Outcome = Literal["succeeded", "failed"]


class Body(BaseModel):
    """A JSON body; unknown fields are rejected."""

    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)


class PayBody(Body):
    """`{"card": "4242424242424242"}` or `{"method": "bank_debit", "outcome": "succeeded"}`."""

    card: str | None = None
    method: Literal["card", "bank_debit"] = "card"
    outcome: Outcome = "succeeded"
    email: str | None = None


class SettleBody(Body):
    """How the bank debit ends."""

    outcome: Outcome


class ResendBody(Body):
    """How many more times, and to which endpoint (default: all that want it)."""

    times: Annotated[int, Field(ge=1, le=1000)] = 1
    webhook_endpoint: str | None = None


class DrainBody(Body):
    """How long to wait for pending deliveries."""

    timeout_s: Annotated[float, Field(gt=0, le=60, strict=False)] = 10.0


B = TypeVar("B", bound=Body)


class Control:
    """The endpoints, bound to one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def routes(self) -> list[Route]:
        """The routes of `/sandbox`."""
        return [
            Route("/sandbox/health", _guarded(self.health), methods=["GET"]),
            Route("/sandbox/settings", _guarded(self.show_settings), methods=["GET"]),
            Route("/sandbox/settings", _guarded(self.change_settings), methods=["PUT"]),
            Route("/sandbox/settings", _guarded(self.reset_settings), methods=["DELETE"]),
            Route("/sandbox/deliveries", _guarded(self.show_deliveries), methods=["GET"]),
            Route("/sandbox/drain", _guarded(self.drain), methods=["POST"]),
            Route("/sandbox/events/{id}/resend", _guarded(self.resend), methods=["POST"]),
            Route("/sandbox/checkout/sessions/{id}/pay", _guarded(self.pay), methods=["POST"]),
            Route("/sandbox/checkout/sessions/{id}/settle", _guarded(self.settle), methods=["POST"]),
        ]

    async def health(self, _request: Request) -> Json:
        """`GET /sandbox/health`"""
        return {"status": "ok", "pending_deliveries": deliveries.pending(self.sandbox.store)}

    async def show_settings(self, _request: Request) -> Json:
        """`GET /sandbox/settings`"""
        return self.sandbox.switches.model_dump(mode="json")

    async def change_settings(self, request: Request) -> Json:
        """`PUT /sandbox/settings`: changes only the given settings."""
        change = await _json(request)
        try:
            switches = Switches.model_validate({**self.sandbox.switches.model_dump(), **change})
        except ValidationError as error:
            raise _invalid(error) from error
        self._keep(switches)
        return switches.model_dump(mode="json")

    async def reset_settings(self, _request: Request) -> Json:
        """`DELETE /sandbox/settings`: restores the defaults."""
        self._keep(Switches())
        return Switches().model_dump(mode="json")

    def _keep(self, switches: Switches) -> None:
        self.sandbox.operate(lambda operation: operation.store.put(switches))

    async def show_deliveries(self, request: Request) -> Json:
        """`GET /sandbox/deliveries?event=…&status=…&limit=…`: newest first."""
        query = request.query_params
        limit = query.get("limit", "100")
        if not limit.isdecimal() or not 1 <= int(limit) <= LOG_MAX:
            raise InvalidRequest(f"limit must be 1 to {LOG_MAX}.", param="limit")
        shown = deliveries.log(
            self.sandbox.store, event_id=query.get("event"), status=query.get("status"), limit=int(limit)
        )
        return {"data": shown, "pending": deliveries.pending(self.sandbox.store)}

    async def drain(self, request: Request) -> Json:
        """`POST /sandbox/drain`: waits until no delivery is pending."""
        timeout_s = (await _body(request, DrainBody)).timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                while deliveries.pending(self.sandbox.store) > 0:
                    await self.sandbox.idle.wait()
        except TimeoutError:
            pending = deliveries.pending(self.sandbox.store)
            fault = InvalidRequest(f"{pending} deliveries are still pending after {timeout_s} s.")
            fault.status = 408
            raise fault from None
        return {"pending": 0}

    async def resend(self, request: Request) -> Json:
        """`POST /sandbox/events/{id}/resend`"""
        body = await _body(request, ResendBody)

        def run(operation: Operation) -> Json:
            event = operation.fetch(Event, request.path_params["id"])
            for _ in range(body.times):
                deliveries.resend(operation.store, event, body.webhook_endpoint)
            return operation.wire(event)

        return self.sandbox.operate(run)

    async def pay(self, request: Request) -> Json:
        """`POST /sandbox/checkout/sessions/{id}/pay`: the payment page for scripts."""
        body = await _body(request, PayBody)
        return self.sandbox.operate(lambda operation: _pay(operation, request.path_params["id"], body))

    async def settle(self, request: Request) -> Json:
        """`POST /sandbox/checkout/sessions/{id}/settle`: ends a bank debit now."""
        body = await _body(request, SettleBody)
        session_id = request.path_params["id"]
        return self.sandbox.operate(
            lambda operation: checkout.settle(operation, session_id, body.outcome).wire()
        )


def _pay(operation: Operation, session_id: str, body: PayBody) -> Json:
    session: CheckoutSession
    if body.method == "bank_debit":
        session = checkout.pay_by_bank(operation, session_id, body.outcome, body.email)
    elif body.card is None:
        raise InvalidRequest("Missing required param: card.", code="parameter_missing", param="card")
    else:
        session = checkout.pay_by_card(operation, session_id, body.card, body.email)
    return session.wire()


def _guarded(endpoint: Callable[[Request], Awaitable[Json]]) -> Handler:
    async def handle(request: Request) -> Response:
        try:
            return Response(render(await endpoint(request)), media_type="application/json")
        except StripeFault as fault:
            return Response(render(fault.body()), fault.status, media_type="application/json")

    return handle


async def _body(request: Request, body_type: type[B]) -> B:
    try:
        return body_type.model_validate(await _json(request))
    except ValidationError as error:
        raise _invalid(error) from error


async def _json(request: Request) -> Json:
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > BODY_MAX:
            raise InvalidRequest("The request is too large.")
    # a page of another site can post a form here without permission, but not JSON
    if content and "json" not in request.headers.get("content-type", ""):
        raise InvalidRequest("Send JSON, with Content-Type: application/json.")
    try:
        value = json.loads(bytes(content) or b"{}")
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("The body is not JSON.") from error
    if not isinstance(value, dict):
        raise InvalidRequest("The body is not a JSON object.")
    return value


def _invalid(error: ValidationError) -> InvalidRequest:
    problem = error.errors(include_url=False)[0]
    name = param_name(problem["loc"])
    return InvalidRequest(f"Invalid {name}: {problem['msg']}.", param=name)
