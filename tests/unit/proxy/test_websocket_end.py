"""The end of a WebSocket is told, however it ends: else its hold would be renewed for ever."""

from __future__ import annotations

import asyncio

import pytest
from starlette.types import Message, Receive, Scope, Send

from billing.errors import BillingError, LedgerUnavailable, RouteNotBillable
from billing.proxy.call import Call, current_call
from billing.proxy.middleware import BillingMiddleware
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
    ("refusal", "code"), [(LedgerUnavailable("Postgres is away."), 1013), (RouteNotBillable("No."), 1008)]
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
