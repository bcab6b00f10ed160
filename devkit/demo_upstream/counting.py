"""Counts the requests that reach the provider, so that tests can check that none did."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send


class Requests:
    """The number of requests to this provider, except `GET`s."""

    def __init__(self) -> None:
        self.count = 0

    async def show(self, _request: Request) -> Response:
        """`GET /requests`."""
        return JSONResponse({"count": self.count})


class CountingMiddleware:
    """Counts each request before it is processed."""

    def __init__(self, app: ASGIApp, requests: Requests) -> None:
        self._app = app
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes everything through."""
        if scope["type"] == "websocket" or (scope["type"] == "http" and scope["method"] != "GET"):
            self._requests.count += 1
        await self._app(scope, receive, send)
