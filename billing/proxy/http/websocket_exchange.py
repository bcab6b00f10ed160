"""Handles the WebSocket of one call, between the client and LiteLLM.

For a billed key it passes no frame before there is a hold, asks the session before each client frame and
after each event that reports cost, and ends the session when the credit runs out. LiteLLM's cost includes
finished responses only, so a session that ends early asks the provider to cancel running ones, and waits for
their usage: leaving early makes nothing free.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import Mapping

from pydantic import JsonValue
from starlette.datastructures import MutableHeaders
from starlette.types import Message, Receive, Scope, Send

from billing.errors import BillingError, InsufficientCredits, RouteNotBillable, TooLarge
from billing.proxy.calls.call import Call
from billing.proxy.http.provider_costs import customers_text
from billing.proxy.http.refusal import Refusals
from billing.proxy.realtime.frames import ClientFrame, FrameRefused, read_frame
from billing.proxy.realtime.session import RealtimeSession
from billing.runtime.event_loop import give_way

logger = logging.getLogger(__name__)

POLICY_VIOLATION = 1008  # RFC 6455, 7.4.1
MESSAGE_TOO_BIG = 1009
TRY_AGAIN_LATER = 1013
_REASON_BYTES_MAX = 123
_USAGE_WITHIN_S = 5.0  # how long an ended session is kept open for the usage of running responses
_TELLING = ("session.created", "response.created", "response.done", "error")  # event types that report cost
_HEEDED = (*(f'"{kind}"' for kind in _TELLING), '"session.updated"', '.delta"')


class WebSocketExchange:
    """Watches the messages of one WebSocket."""

    def __init__(
        self, call: Call, scope: Scope, receive: Receive, send: Send, top_up_url: str | None
    ) -> None:
        self._call = call
        self._scope = scope
        self._receive = receive
        self._send = send
        self._refusals = Refusals(call, scope, receive, send, top_up_url)
        self._cut: BillingError | None = None
        self._cut_now = asyncio.Event()
        self._accepted = False
        self._closed = False  # for the client
        self._cancelled: set[str] = set()  # responses that the provider was asked to cancel at the end
        self._last_words_until = 0.0  # the event loop's time; 0: the session has not ended
        self._end: Message = {"type": "websocket.disconnect", "code": POLICY_VIOLATION}
        self._waiting: asyncio.Task[Message] | None = None

    async def receive(self) -> Message:
        """Returns the next message for LiteLLM."""
        while True:
            message = await self._next()
            if message["type"] == "websocket.disconnect":
                return await self._last_words()
            if message["type"] != "websocket.receive" or not self._is_watched:
                return message
            frame = await self._admitted(message)
            if frame is not None:
                return {"type": "websocket.receive", "text": frame.text}

    @property
    def _is_watched(self) -> bool:
        """Whether its frames must be paid for: not for an exempt key, a free model, or in shadow mode."""
        call = self._call
        if call.route is None or call.shadow.is_let_through:
            return False
        return call.admission is None or not call.admission.free

    async def _next(self) -> Message:
        """Returns the client's next message; a disconnect once it has left or was cut off."""
        if self._cut is not None or self._call.delivery.client_gone:
            return self._end
        self._waiting = self._waiting or asyncio.ensure_future(self._receive())
        cut = asyncio.ensure_future(self._cut_now.wait())
        try:
            await asyncio.wait((self._waiting, cut), return_when=asyncio.FIRST_COMPLETED)
        finally:
            cut.cancel()
        if not self._waiting.done():
            return self._end
        message, self._waiting = self._waiting.result(), None
        if message["type"] == "websocket.disconnect":
            self._call.delivery.client_gone, self._end = True, message
        return message

    async def _admitted(self, message: Message) -> ClientFrame | None:
        """Returns the frame if it may be forwarded; otherwise tells the client why not."""
        session = self._call.session
        try:
            if session is None:
                raise RouteNotBillable("This session has no hold.")
            frame = read_frame(message, session.output_tokens_max, session.frame_limits)
            await session.before_sending(frame)
        except FrameRefused as refused:
            await self._say(refused.refusal, refused.event_id)
            return None
        except BillingError as refusal:
            await self._begin_cut(refusal)
            return None
        return frame

    async def _begin_cut(self, refusal: BillingError) -> None:
        if self._cut is None:
            self._cut = refusal
            self._call.delivery.credit_ended = isinstance(refusal, InsufficientCredits)
            await self._say(refusal, None)
            self._cut_now.set()

    async def _last_words(self) -> Message:
        """Cancels all running and pending responses, waits for their usage, then ends the session."""
        session = self._call.session
        if session is None:
            return self._end
        now = asyncio.get_running_loop().time()
        self._last_words_until = self._last_words_until or now + _USAGE_WITHIN_S
        left_s = self._last_words_until - now
        name = await session.next_to_cancel(self._cancelled, left_s)
        if name is not None:
            self._cancelled.add(name)
            return {
                "type": "websocket.receive",
                "text": json.dumps({"type": "response.cancel", "response_id": name}),
            }
        if not session.is_idle:
            logger.warning("session %s ended without the usage of its running responses", self._call.id)
        return self._end

    async def send(self, message: Message) -> None:
        """Forwards LiteLLM's message; records what it reports about cost."""
        await self._pass_on(message)
        await give_way()  # even if nothing is forwarded any more: a provider may send without a pause

    async def _pass_on(self, message: Message) -> None:
        if self._call.refusal is not None and not self._closed:
            await self._refuse(self._call.refusal)
        if self._closed:
            return
        match message["type"]:
            case "websocket.accept":
                self._accepted = True
                MutableHeaders(raw=message.setdefault("headers", [])).append(
                    "x-billing-call-id", self._call.id
                )
            case "websocket.close":
                self._closed = True
        text = message.get("text")
        if self._call.is_customers and isinstance(text, str):
            text = customers_text(text)
            message = {**message, "text": text}
        session = self._call.session
        if session is None or not isinstance(text, str) or not any(word in text for word in _HEEDED):
            await self._deliver(message)
            return
        await self._deliver({**message, "text": session.in_clients_words(text)})
        event = json.loads(text)
        if isinstance(event, Mapping):
            session.shows(event)
            await self._heed(session, event)

    async def _heed(self, session: RealtimeSession, event: Mapping[str, object]) -> None:
        if event.get("type") not in _TELLING:
            return
        try:
            await session.after_event(event)
        except BillingError as refusal:
            await self._begin_cut(refusal)

    async def _refuse(self, refusal: BillingError) -> None:
        """Sends our refusal instead of what LiteLLM makes of it."""
        if self._accepted:
            await self._say(refusal, None)
            await self._close(refusal)
            return
        self._closed = True
        if "websocket.http.response" in self._scope.get("extensions", {}):
            await self._refusals.answer(refusal)
        else:
            await self._send({"type": "websocket.close", "code": POLICY_VIOLATION})

    async def _say(self, refusal: BillingError, event_id: str | None) -> None:
        """Sends an `error` event of OpenAI's realtime API; for missing credit it names the top-up page."""
        error: dict[str, JsonValue] = {**self._refusals.error(refusal), "event_id": event_id}
        event: dict[str, JsonValue] = {
            "type": "error",
            "event_id": f"event_{secrets.token_hex(12)}",
            "error": error,
        }
        await self._deliver({"type": "websocket.send", "text": json.dumps(event)})

    async def _close(self, refusal: BillingError) -> None:
        self._closed = True
        code = _close_code(refusal)
        reason = f"{refusal.code}: see the error event"[:_REASON_BYTES_MAX]
        await self._deliver({"type": "websocket.close", "code": code, "reason": reason})

    async def _deliver(self, message: Message) -> None:
        """Sends to the client while it is connected.

        The provider's messages are processed to the end regardless.
        """
        if self._call.delivery.client_gone:
            return
        try:
            await self._send(message)
        except (OSError, RuntimeError):  # raised by the server for a closed socket
            self._call.delivery.client_gone = True

    async def finish(self) -> None:
        """LiteLLM is done: closes the socket of a session that was cut off."""
        if self._waiting is not None:
            self._waiting.cancel()
        if self._cut is not None and not self._closed:
            await self._close(self._cut)


def _close_code(refusal: BillingError) -> int:
    if isinstance(refusal, TooLarge):
        return MESSAGE_TOO_BIG
    return TRY_AGAIN_LATER if refusal.status >= 500 else POLICY_VIOLATION
