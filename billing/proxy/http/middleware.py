"""The outermost ASGI layer: creates the `Call` of each request and closes it when the response has ended.

It buffers no stream. It strips `x-litellm-call-id` (sent by the client, LiteLLM would use it as the call's
id), lets the exchange watch the messages, and tells the registry of open calls when the response has ended,
however it ended.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from billing.proxy.calls.call import Call, current_call
from billing.proxy.http.exchange import HttpExchange
from billing.proxy.http.websocket_exchange import WebSocketExchange
from billing.proxy.litellm.provider_streams import AbandonedStreams
from billing.settings import CacheHitCharge

_CLIENT_CALL_ID = b"x-litellm-call-id"


class BillingMiddleware:
    """Wraps LiteLLM's app."""

    def __init__(
        self,
        app: ASGIApp,
        request_ended: Callable[[Call], None],
        top_up_url: str | None,
        cache_hits: CacheHitCharge = "nothing",
    ) -> None:
        self._app = app
        self._cache_hits = cache_hits
        self._request_ended = request_ended
        self._top_up_url = top_up_url
        self._abandoned = AbandonedStreams()

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
        exchange = HttpExchange(call, scope, receive, send, self._top_up_url, self._cache_hits)
        try:
            await self._app(_without_client_call_id(scope), exchange.receive, exchange.send)
        except Exception:  # LiteLLM's own error on an invalid body; all others are raised again
            if not await exchange.refuse_body():
                raise
        finally:
            current_call.reset(token)
            self._request_ended(call)
            self._abandoned.close_behind(call)

    async def _converse(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles a WebSocket, which is one call from its first message to its last."""
        call = Call(path=scope["path"], is_websocket=True)
        token = current_call.set(call)
        exchange = WebSocketExchange(call, scope, receive, send, self._top_up_url)
        try:
            await self._app(_without_client_call_id(scope), exchange.receive, exchange.send)
        finally:
            current_call.reset(token)
            try:
                await exchange.finish()
            finally:  # even on failure or cancellation, so that the session's hold is freed
                self._request_ended(call)


def _without_client_call_id(scope: Scope) -> Scope:
    headers = [(name, value) for name, value in scope["headers"] if name != _CLIENT_CALL_ID]
    return {**scope, "headers": headers} if len(headers) != len(scope["headers"]) else scope
