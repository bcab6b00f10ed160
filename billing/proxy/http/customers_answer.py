"""Passes the body of a billed call's answer to its customer, without the provider's cost.

A JSON answer is read when it is complete, which LiteLLM mostly sends in one piece; its start waits for it,
since its length may change. Everything else but streams passes as it is.
"""

from __future__ import annotations

from typing import Protocol

from starlette.datastructures import MutableHeaders
from starlette.types import Message

from billing.proxy.calls.call import Call
from billing.proxy.http.provider_costs import CustomersStream, customers_body
from billing.proxy.routes.route import Handling

EVENT_STREAM = "text/event-stream"
_JSON = "application/json"


class CustomersAnswer(Protocol):
    """One answer."""

    def waits_with(self, start: Message) -> bool:
        """Takes the start of the response, and returns whether it is sent with the body."""

    async def shown(self, message: Message) -> tuple[Message | None, Message | None]:
        """Takes a piece of the body; returns a start and a piece to send now, if there are any."""


def answer_of(call: Call, content_type: str, charge: str | None) -> CustomersAnswer | None:
    """Returns the answer to a billed call; None where its body states no cost."""
    if call.route is None or call.route.handling is not Handling.BILLED:
        return None
    if content_type.startswith(EVENT_STREAM):
        return _Stream()
    return _Json(charge) if content_type.startswith(_JSON) else None


class _Stream:
    def __init__(self) -> None:
        self._events = CustomersStream()

    def waits_with(self, start: Message) -> bool:
        return False

    async def shown(self, message: Message) -> tuple[Message | None, Message | None]:
        more = message.get("more_body", False)
        return None, {**message, "body": self._events.feed(message.get("body", b""), more=more)}


class _Json:
    def __init__(self, charge: str | None) -> None:
        self._charge = charge
        self._start: Message | None = None
        self._pieces: list[bytes] = []

    def waits_with(self, start: Message) -> bool:
        self._start = start if "content-length" in MutableHeaders(scope=start) else None
        return self._start is not None

    async def shown(self, message: Message) -> tuple[Message | None, Message | None]:
        piece, more = message.get("body", b""), message.get("more_body", False)
        if more and self._start is None and not self._pieces and not piece.strip():
            return None, message  # only keeps the connection alive
        self._pieces.append(piece)
        if more:
            return None, None
        body = await customers_body(b"".join(self._pieces), self._charge)
        start, self._start = self._start, None
        if start is not None:
            MutableHeaders(scope=start)["content-length"] = str(len(body))
        return start, {**message, "body": body}
