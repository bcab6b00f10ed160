"""The demo provider, and a count of what it served: `python -m tests.faults.upstream --port PORT`.

`GET /served` answers `{"<customer> <limit>": times}`: whose call it was stands in the question (`label_of`),
and the output limit tells one call of a customer from another; an embedding has none, which is 0.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter

import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from devkit.demo_upstream.app import create_app

SLOW_CHUNK_S = 0.2
_LABEL = re.compile(r"customer <([a-z0-9-]+)>")


def label_of(customer_id: str) -> str:
    """What a question must contain."""
    return f"customer <{customer_id}>"


class Counting:
    """Counts requests that it passes on, by customer and output limit."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._served: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/served":
            await JSONResponse(dict(self._served))(scope, receive, send)
            return
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        body = await Request(scope, receive).body()
        self._count(body)
        await self._app(scope, _again(body, receive), send)

    def _count(self, body: bytes) -> None:
        text = body.decode()
        label = _LABEL.search(text)
        if label is None:
            raise ValueError(f"nobody's call: {text[:200]}")
        asked = json.loads(text)
        limit = asked.get("max_completion_tokens") or asked.get("max_tokens") or 0
        self._served[f"{label.group(1)} {limit}"] += 1


def _again(body: bytes, receive: Receive) -> Receive:
    """The body in one piece, and then whatever the client does."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return messages.pop() if messages else await receive()

    return next_message


def main() -> None:
    """Serves on the loopback until it is told to stop."""
    parser = argparse.ArgumentParser(prog="tests.faults.upstream", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    uvicorn.run(
        Counting(create_app(SLOW_CHUNK_S)),
        host="127.0.0.1",
        port=options.port,
        access_log=False,
        log_level="critical",
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
    )


if __name__ == "__main__":
    main()
