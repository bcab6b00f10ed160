"""The outermost layer: gives each request its `Call`, and closes it when the response is over.

Pure ASGI, so that nothing is buffered. It strips `x-litellm-call-id` (a client's word, which LiteLLM would
take as the id of the call), renders our refusals in the shape of the route, adds `x-billing-…` headers,
ends a stream where the credit ends, and tells the registry of open calls when the response has ended, however
it ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from billing.proxy.call import Call, current_call
from billing.proxy.json_body import not_an_object
from billing.proxy.realtime.exchange import WebSocketExchange
from billing.proxy.refusal import error_in_its_shape, refusal_response
from billing.proxy.response_headers import billing_headers
from billing.proxy.streams import CreditedStream

_CLIENT_CALL_ID = b"x-litellm-call-id"
_EVENT_STREAM = "text/event-stream"
_CANCELLED_WITHIN_S = 1.0


class BillingMiddleware:
    """Wraps LiteLLM's app."""

    def __init__(self, app: ASGIApp, request_ended: Callable[[Call], None], top_up_url: str | None) -> None:
        self._app = app
        self._request_ended = request_ended
        self._top_up_url = top_up_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes lifespan through; everything else is a call."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await self._converse(scope, receive, send)
            return
        call = Call(path=scope["path"])
        token = current_call.set(call)
        exchange = _Exchange(call, scope, receive, send, self._top_up_url)
        try:
            await self._app(_without_client_call_id(scope), exchange.receive, exchange.send)
        except Exception:
            if not await exchange.refuse_body():
                raise
        finally:
            current_call.reset(token)
            self._request_ended(call)

    async def _converse(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A WebSocket is a call from its first message to its last."""
        call = Call(path=scope["path"], is_websocket=True)
        token = current_call.set(call)
        exchange = WebSocketExchange(call, scope, receive, send, self._top_up_url)
        try:
            await self._app(_without_client_call_id(scope), exchange.receive, exchange.send)
        finally:
            current_call.reset(token)
            await exchange.finish()
            self._request_ended(call)


def _without_client_call_id(scope: Scope) -> Scope:
    headers = [(name, value) for name, value in scope["headers"] if name != _CLIENT_CALL_ID]
    return {**scope, "headers": headers} if len(headers) != len(scope["headers"]) else scope


def _cors(headers: Headers) -> dict[str, str]:
    """What LiteLLM's CORS middleware, further in, said of the response that ours replaces."""
    return {name: value for name, value in headers.items() if name.startswith(("access-control-", "vary"))}


class _Exchange:
    """Watches one request's messages, and replaces the response of a refused call by ours."""

    def __init__(
        self, call: Call, scope: Scope, receive: Receive, send: Send, top_up_url: str | None
    ) -> None:
        self._call = call
        self._scope = scope
        self._receive = receive
        self._send = send
        self._top_up_url = top_up_url
        self._refused = False
        self._complete = False
        self._body_start: bytes | None = None
        self._stream: CreditedStream | None = None  # while its hold does not cover everything

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect" and not self._complete:
            self._call.client_gone = True
        if self._body_start is None and message["type"] == "http.request":
            self._body_start = message.get("body", b"")
        return message

    async def refuse_body(self) -> bool:
        """Answers 400 where LiteLLM failed over a body that is no request; says whether it did."""
        headers = Headers(scope=self._scope)
        refusal = not_an_object(self._body_start or b"", headers)
        if self._call.status is not None or refusal is None:
            return False
        response = refusal_response(self._call, refusal, headers, self._top_up_url)
        self._call.status = response.status_code
        await response(self._scope, self._receive, self._send)
        return True

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._start(message)
            return
        if self._refused:
            return
        if message["type"] == "http.response.body":
            await self._deliver(await self._covered(message) if self._stream else message)
            if self._call.credit_ended:
                await self._until_cancelled()
            return
        await self._send(message)

    async def _start(self, message: Message) -> None:
        call = self._call
        if call.refusal is not None:
            self._refused = self._complete = True
            response = refusal_response(call, call.refusal, Headers(scope=self._scope), self._top_up_url)
            response.headers.update(_cors(Headers(raw=message["headers"])))
            call.status = response.status_code
            await response(self._scope, self._receive, self._send)
            return
        call.status = message["status"]
        headers = Headers(raw=message["headers"])
        if headers.get("content-type", "").startswith(_EVENT_STREAM):
            self._stream = call.stream
        MutableHeaders(scope=message).update(billing_headers(call, headers))
        await self._send(message)

    async def _covered(self, message: Message) -> Message:
        """What of a stream's piece the hold covers, once it was extended; the end of the stream with it."""
        assert self._stream is not None
        more = message.get("more_body", False)
        body = await self._stream.covered(message.get("body", b""), more=more)
        refusal = self._stream.refusal
        if refusal is None:
            return {**message, "body": body}
        self._call.credit_ended = True
        error = error_in_its_shape(self._call, refusal, Headers(scope=self._scope), self._top_up_url)
        return {**message, "body": body + self._stream.ending(error), "more_body": False}

    async def _until_cancelled(self) -> None:
        """To the server the response is over, so it reports a disconnect to LiteLLM, which then cancels this,
        closes the provider's stream and bills what was streamed, as it does when a client leaves.
        """
        await asyncio.sleep(_CANCELLED_WITHIN_S)
        raise OSError("The stream was ended for want of credit.")  # what ASGI says of a client that left

    async def _deliver(self, message: Message) -> None:
        self._complete = not message.get("more_body", False)
        try:
            await self._send(message)
        except OSError:
            self._call.client_gone = True
            raise
        self._call.body_bytes += len(message.get("body", b""))
        self._call.answered_in_full = self._complete
