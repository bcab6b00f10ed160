"""Adds the tailnet's state to LiteLLM's `GET /health/readiness`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.tailnet.status import TailnetStatus

PATHS = frozenset(("/health/readiness", "/health/readiness/"))
STARTING = TailnetStatus("degraded", "joining")


def write_status(file: Path, status: TailnetStatus) -> None:
    """Replaces the status file atomically (called by the supervisor)."""
    draft = file.with_suffix(".draft")
    draft.write_text(json.dumps(asdict(status)), "utf-8")
    draft.replace(file)


class WithTailnet:
    """Wraps the gateway's app if a tailnet is configured."""

    def __init__(self, app: ASGIApp, status_file: Path) -> None:
        self._app = app
        self._status_file = status_file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes everything but readiness through unchanged."""
        if scope["type"] != "http" or scope["path"] not in PATHS:
            await self._app(scope, receive, send)
            return
        await self._app(scope, receive, _Answer(send, self._status()).send)

    def _status(self) -> dict[str, str]:
        status: dict[str, str] = json.loads(self._status_file.read_text("utf-8"))
        return status


class _Answer:
    """Buffers a JSON answer and adds `tailnet` and `tailnet_detail` to it."""

    def __init__(self, send: Send, status: dict[str, str]) -> None:
        self._send = send
        self._status = status
        self._start: Message | None = None
        self._body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._body += message.get("body", b"")
        if message.get("more_body", False) or self._start is None:
            return
        body = self._with_status()
        MutableHeaders(scope=self._start)["content-length"] = str(len(body))
        await self._send(self._start)
        await self._send({"type": "http.response.body", "body": body})

    def _with_status(self) -> bytes:
        try:
            answer = json.loads(self._body)
        except ValueError:
            return self._body
        if not isinstance(answer, dict):
            return self._body
        shown = {"tailnet": self._status["state"], "tailnet_detail": self._status["detail"]}
        return json.dumps({**answer, **shown}).encode()
