"""The end of a WebSocket is told, however it ends: else its hold would be renewed for ever."""

from __future__ import annotations

import pytest
from starlette.types import Message, Receive, Scope, Send

from billing.proxy.call import Call
from billing.proxy.middleware import BillingMiddleware

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
