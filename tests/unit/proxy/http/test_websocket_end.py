"""The end of a WebSocket is told, however it ends: else its hold would be renewed for ever."""

from __future__ import annotations

import asyncio
import json
from typing import cast

import pytest
from starlette.types import Message, Receive, Scope, Send

from billing.errors import BillingError, LedgerUnavailable, RouteNotBillable, TooLarge
from billing.proxy.calls.call import Call, current_call
from billing.proxy.http.middleware import BillingMiddleware
from billing.proxy.realtime.frame_document import FrameLimits
from billing.proxy.realtime.session import RealtimeSession
from billing.proxy.routes import Handling, Route

SCOPE: Scope = {"type": "websocket", "path": "/v1/realtime", "headers": [], "query_string": b""}


async def disconnected() -> Message:
    return {"type": "websocket.disconnect", "code": 1006}


async def nowhere(message: Message) -> None:
    return


@pytest.mark.parametrize("fails", [False, True])
async def test_it_is_told_when_the_app_returns_and_when_it_fails(fails: bool) -> None:
    ended: list[Call] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if fails:
            raise RuntimeError("LiteLLM failed")

    middleware = BillingMiddleware(app, ended.append, None)
    if fails:
        with pytest.raises(RuntimeError, match="LiteLLM failed"):
            await middleware(SCOPE, disconnected, nowhere)
    else:
        await middleware(SCOPE, disconnected, nowhere)
    assert [call.path for call in ended] == ["/v1/realtime"]


@pytest.mark.parametrize(
    "error", [ValueError("a server's own"), asyncio.CancelledError()], ids=["fails", "cancelled"]
)
async def test_it_is_told_when_the_socket_of_a_session_that_was_cut_cannot_be_closed(
    error: BaseException,
) -> None:
    ended: list[Call] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        call = current_call.get()
        assert call is not None
        call.route = Route(
            "WS", "/v1/realtime", Handling.BILLED, "a session's hold grows"
        )  # and nothing was set aside, so its first frame cuts it
        await receive()

    async def speaks() -> Message:
        return {"type": "websocket.receive", "text": "{}"}

    async def cannot_close(message: Message) -> None:
        if message["type"] == "websocket.close":
            raise error

    with pytest.raises(type(error)):
        await BillingMiddleware(app, ended.append, None)(SCOPE, speaks, cannot_close)
    assert [call.path for call in ended] == ["/v1/realtime"]


@pytest.mark.parametrize(
    ("refusal", "code"),
    [(LedgerUnavailable("Away."), 1013), (RouteNotBillable("No."), 1008), (TooLarge("More."), 1009)],
)
async def test_its_code_says_whether_to_try_again(refusal: BillingError, code: int) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        call = current_call.get()
        assert call is not None
        call.refusal = refusal
        await send({"type": "websocket.close", "code": 1000})  # LiteLLM's word for it

    sent: list[Message] = []

    async def noted(message: Message) -> None:
        sent.append(message)

    await BillingMiddleware(app, lambda call: None, None)(SCOPE, disconnected, noted)
    assert [message["type"] for message in sent] == ["websocket.accept", "websocket.send", "websocket.close"]
    assert sent[-1]["code"] == code


async def test_a_giant_frame_is_answered_with_the_reason_and_ends_the_session() -> None:
    said: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        call = current_call.get()
        assert call is not None
        call.route = Route("WS", "/v1/realtime", Handling.BILLED, "a session's hold grows")
        call.session = cast(RealtimeSession, Session())
        await send({"type": "websocket.accept"})
        assert (await receive())["type"] == "websocket.disconnect"

    async def speaks() -> Message:
        return {
            "type": "websocket.receive",
            "text": '{"type": "response.cancel", "item": [' + "1," * 100 + "1]}",
        }

    async def listens(message: Message) -> None:
        said.append(message)

    await BillingMiddleware(app, lambda call: None, None)(SCOPE, speaks, listens)
    assert [message["type"] for message in said] == ["websocket.accept", "websocket.send", "websocket.close"]
    assert json.loads(said[1]["text"])["error"]["code"] == "request_too_large"
    assert said[2]["code"] == 1009


class Session:
    """A session that takes small frames and runs nothing."""

    output_tokens_max = 10
    frame_limits = FrameLimits(bytes_max=1_000, elements_max=50)
    is_idle = True

    async def next_to_cancel(self, cancelled: object, timeout_s: float) -> None:
        return None
