"""Handles an API call: key, version, requested faults, idempotency, parameters, work, answer."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from devkit.stripe_sandbox import forms, idempotency
from devkit.stripe_sandbox.errors import (
    ApiFailure,
    IdempotencyInUse,
    InvalidRequest,
    Json,
    RateLimited,
    StripeFault,
    Unauthenticated,
)
from devkit.stripe_sandbox.expand import expand
from devkit.stripe_sandbox.forms import Form
from devkit.stripe_sandbox.idempotency import Answered
from devkit.stripe_sandbox.objects.base import Deleted, StripeObject
from devkit.stripe_sandbox.operation import API_VERSION, Operation
from devkit.stripe_sandbox.params import Params, parse
from devkit.stripe_sandbox.runtime import Sandbox, new_request_id

BODY_MAX = 1024 * 1024
_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(\.[a-z]+)?(; *[a-z_]+=v\d+)*", re.ASCII)
P = TypeVar("P", bound=Params)
Reply = StripeObject | Deleted | Json
Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Call(Generic[P]):
    """An API call: its parameters, and the function that handles them and the id in the path."""

    params: type[P]
    run: Callable[[Operation, P, str], Reply]

    def handler(self, sandbox: Sandbox) -> Handler:
        """The ASGI endpoint."""

        async def handle(request: Request) -> Response:
            return await answer(sandbox, self, request)

        return handle


@dataclass(frozen=True, slots=True)
class Caller:
    """The parsed headers."""

    request_id: str
    version: str
    idempotency_key: str | None

    def respond(self, status: int, body: str, **more: str) -> Response:
        """The response, with Stripe's headers."""
        headers = {"Request-Id": self.request_id, "Stripe-Version": self.version}
        if self.idempotency_key:
            headers |= {"Idempotency-Key": self.idempotency_key, "Original-Request": self.request_id}
            if status >= 500:
                headers["Stripe-Should-Retry"] = "false"  # the key would return the same answer again
        headers |= {name.replace("_", "-"): value for name, value in more.items()}
        return Response(body, status, headers, media_type="application/json")


def render(body: Json) -> str:
    """Renders indented JSON, like Stripe's API."""
    return json.dumps(body, indent=2)


async def answer(sandbox: Sandbox, call: Call[P], request: Request) -> Response:
    """Runs an API call and always returns a response."""
    key = request.headers.get("idempotency-key") if request.method == "POST" else None
    caller = Caller(new_request_id(), request.headers.get("stripe-version", API_VERSION), key or None)
    try:
        authenticate(sandbox.api_keys, request.headers.get("authorization"))
        _check_version(caller.version)
        form = await _read(request)
        _sabotage_before(sandbox)
        return await _work(sandbox, call, request, caller, form)
    except StripeFault as fault:
        return caller.respond(fault.status, render(fault.body()))


def authenticate(api_keys: tuple[str, ...], header: str | None) -> None:
    """Reads Bearer or Basic (the key as user name). Raises Unauthenticated; explains it for live keys."""
    given = _given_key(header or "")
    if not given:
        raise Unauthenticated(
            "You did not provide an API key. You need to provide your API key in the Authorization header, "
            "using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
        )
    if given.startswith(("sk_live_", "rk_live_", "pk_live_")):
        raise Unauthenticated(
            "A live key was sent to the sandbox. It was not used and not stored, but treat it with care: the "
            "sandbox takes test keys only (its own, sk_test_…)."
        )
    if not any(hmac.compare_digest(given.encode(), known.encode()) for known in api_keys):
        raise Unauthenticated(f"Invalid API Key provided: {_masked(given)}")


def _given_key(header: str) -> str:
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _masked(key: str) -> str:
    if len(key) < 16:
        return "*" * len(key)
    return f"{key[:8]}{'*' * min(len(key) - 12, 32)}{key[-4:]}"


def _check_version(version: str) -> None:
    if not _VERSION.fullmatch(version):
        raise InvalidRequest(f"Invalid Stripe API version: {version[:40]}", param="Stripe-Version")


async def _read(request: Request) -> Form:
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > BODY_MAX:
            raise InvalidRequest("The request is too large.")
    if content and "json" in request.headers.get("content-type", ""):
        raise InvalidRequest(
            "Invalid request: v1 of the API takes application/x-www-form-urlencoded, not JSON."
        )
    return {**forms.decode(request.url.query), **forms.decode(bytes(content))}


def _sabotage_before(sandbox: Sandbox) -> None:
    if _use_up(sandbox, "rate_limit_next"):
        raise RateLimited
    if _use_up(sandbox, "fail_next"):
        raise ApiFailure


def _use_up(sandbox: Sandbox, counter: str) -> bool:
    """Decrements a counting switch; returns False if it is at zero."""
    switches = sandbox.switches
    left = int(getattr(switches, counter))
    if left == 0:
        return False
    setattr(switches, counter, left - 1)
    with sandbox.store.transaction():
        sandbox.store.put(switches)
    return True


async def _work(sandbox: Sandbox, call: Call[P], request: Request, caller: Caller, form: Form) -> Response:
    key = caller.idempotency_key
    if key is None:
        return await _run(sandbox, call, request, caller, form)
    known = idempotency.recall(
        sandbox.store, key, idempotency.fingerprint(request.method, request.url.path, form)
    )
    if key in sandbox.in_flight:
        raise IdempotencyInUse(key)
    if known is not None:
        return caller.respond(
            known.status, known.body, Idempotent_Replayed="true", Original_Request=known.request_id
        )
    sandbox.in_flight.add(key)
    try:
        return await _run(sandbox, call, request, caller, form)
    finally:
        sandbox.in_flight.discard(key)


async def _run(sandbox: Sandbox, call: Call[P], request: Request, caller: Caller, form: Form) -> Response:
    params = parse(call.params, form)
    is_post = request.method == "POST"
    fails = is_post and sandbox.switches.fail_next_after_success > 0
    key = caller.idempotency_key

    def work(operation: Operation) -> Answered:
        status, body = _outcome(operation, call, params, str(request.path_params.get("id", "")))
        if fails and status == 200:
            status, body = ApiFailure.status, ApiFailure().body()
        answered = Answered(status, render(body), caller.request_id)
        if key is not None:
            kept_as = idempotency.fingerprint(request.method, request.url.path, form)
            idempotency.keep(operation.store, key, kept_as, answered)
        return answered

    answered = sandbox.operate(work, request_id=caller.request_id, idempotency_key=key)
    if fails and answered.status == ApiFailure.status:
        _use_up(sandbox, "fail_next_after_success")
    await asyncio.sleep(sandbox.switches.api_delay_ms / 1000)
    if is_post and _use_up(sandbox, "drop_next_after_success"):
        return CutOff()
    return caller.respond(answered.status, answered.body)


def _outcome(operation: Operation, call: Call[P], params: P, object_id: str) -> tuple[int, Json]:
    try:
        reply = call.run(operation, params, object_id)
    except StripeFault as fault:
        if not fault.replayable:
            raise
        return fault.status, fault.body()
    return 200, expand(operation.store, _wire(operation, reply), params.expand)


def _wire(operation: Operation, reply: Reply) -> Json:
    if isinstance(reply, StripeObject):
        return operation.wire(reply)
    return reply.model_dump(mode="json") if isinstance(reply, Deleted) else reply


class CutOff(Response):
    """A connection that breaks before the answer: a body is announced but never sent."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Starts the response and returns; the server closes the connection."""
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
