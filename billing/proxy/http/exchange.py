"""Handles the ASGI messages of one HTTP request between server and LiteLLM.

Renders refusals in the format of the route, adds `x-billing-…` headers, shows customers their charge instead
of the provider's cost, records how the response went, and ends a stream when the credit runs out.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Message, Receive, Scope, Send

from billing.proxy.calls.call import Call
from billing.proxy.http.customers_answer import EVENT_STREAM, CustomersAnswer, answer_of
from billing.proxy.http.refusal import Refusals
from billing.proxy.http.response_headers import (
    billing_headers,
    charged_headers,
    customers_headers,
    known_charge,
)
from billing.proxy.requests.json_body import not_an_object
from billing.proxy.streams import CreditedStream
from billing.runtime.event_loop import give_way
from billing.settings import CacheHitCharge

_CANCELLED_WITHIN_S = 1.0


class HttpExchange:
    """Watches one request's messages, and replaces the response of a refused call."""

    __slots__ = (
        "_answer",
        "_body_start",
        "_cache_hits",
        "_call",
        "_complete",
        "_receive",
        "_refusals",
        "_refused",
        "_scope",
        "_send",
        "_stream",
    )

    def __init__(
        self,
        call: Call,
        scope: Scope,
        receive: Receive,
        send: Send,
        top_up_url: str | None,
        cache_hits: CacheHitCharge = "nothing",
    ) -> None:
        self._call = call
        self._cache_hits = cache_hits
        self._scope = scope
        self._receive = receive
        self._send = send
        self._refusals = Refusals(call, scope, receive, send, top_up_url)
        self._refused = False
        self._complete = False
        self._body_start: bytes | None = None
        self._stream: CreditedStream | None = None  # while its hold does not cover everything
        self._answer: CustomersAnswer | None = None  # of a billed call, which may state the provider's cost

    async def receive(self) -> Message:
        """Returns the next message for LiteLLM; records whether the client has disconnected."""
        message = await self._receive()
        if message["type"] == "http.disconnect" and not self._complete:
            self._call.delivery.client_gone = True
        if self._body_start is None and message["type"] == "http.request":
            self._body_start = message.get("body", b"")
        return message

    async def refuse_body(self) -> bool:
        """Answers 400 if LiteLLM failed on a body that is not a valid request; returns whether it did."""
        refusal = not_an_object(self._body_start or b"", Headers(scope=self._scope))
        if self._call.delivery.status is not None or refusal is None:
            return False
        await self._refusals.answer(refusal)
        return True

    async def send(self, message: Message) -> None:
        """Forwards LiteLLM's message or its replacement."""
        if message["type"] == "http.response.start":
            await self._start(message)
            return
        if self._refused:
            return
        if message["type"] == "http.response.body":
            if self._stream is not None and self._call.delivery.body_bytes == 0 and await self._has_left():
                await self._until_cancelled("The client disconnected before the stream began.")
            await self._pass_on(await self._covered(message) if self._stream else message)
            if self._call.delivery.credit_ended:
                await self._until_cancelled("The stream was ended because the credit ran out.")
            return
        await self._send(message)

    async def _start(self, message: Message) -> None:
        call = self._call
        if call.refusal is not None:
            self._refused = self._complete = True
            await self._refusals.answer(call.refusal, _cors(Headers(raw=message["headers"])))
            return
        call.delivery.status = message["status"]
        headers = list(message["headers"])
        kind = Headers(raw=headers).get("content-type", "")
        is_stream = kind.startswith(EVENT_STREAM)
        charge = None if is_stream else known_charge(call, message["status"], headers, self._cache_hits)
        if is_stream:
            self._stream = call.stream
        if call.route is not None:  # the key is neither exempt nor an admin's
            headers = customers_headers(headers)
        if call.is_customers:
            headers = charged_headers(headers, charge)
            self._answer = answer_of(call, kind, charge)
        message["headers"] = headers
        MutableHeaders(scope=message).update(billing_headers(call, charge))
        if self._answer is None or not self._answer.waits_with(message):
            await self._send(message)

    async def _has_left(self) -> bool:
        """Whether the client disconnected before any of the stream was sent; it pays nothing for that output.

        LiteLLM 1.108 waits for the first chunk before it checks, and the server drops what nobody receives.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(0):
                await self.receive()
        return self._call.delivery.client_gone

    async def _covered(self, message: Message) -> Message:
        """Returns the part of a chunk that the hold covers after extending it; ends the stream with it."""
        assert self._stream is not None
        more = message.get("more_body", False)
        body = await self._stream.covered(message.get("body", b""), more=more)
        refusal = self._stream.refusal
        if refusal is None:
            return {**message, "body": body}
        self._call.delivery.credit_ended = True
        ending = self._stream.ending(self._refusals.error(refusal))
        return {**message, "body": body + ending, "more_body": False}

    async def _until_cancelled(self, why: str) -> None:
        """Makes LiteLLM cancel the response.

        To the server the response is over, so it reports a disconnect; LiteLLM then closes the provider's
        stream and bills what was streamed, as if the client had disconnected.
        """
        await asyncio.sleep(_CANCELLED_WITHIN_S)
        raise OSError(why)  # what ASGI servers raise for a disconnected client

    async def _pass_on(self, message: Message) -> None:
        """Delivers a piece of the body, as the customer may see it."""
        if self._answer is None:
            await self._deliver(message)
            return
        start, shown = await self._answer.shown(message)
        if start is not None:
            await self._send(start)
        if shown is not None:
            await self._deliver(shown)

    async def _deliver(self, message: Message) -> None:
        self._complete = not message.get("more_body", False)
        try:
            await self._send(message)
        except OSError:
            self._call.delivery.client_gone = True
            raise
        self._call.delivery.body_bytes += len(message.get("body", b""))
        self._call.delivery.in_full = self._complete
        if not self._complete:
            await give_way()


def _cors(headers: Headers) -> dict[str, str]:
    """The headers that LiteLLM's CORS middleware set on the response we replace."""
    return {name: value for name, value in headers.items() if name.startswith(("access-control-", "vary"))}
