"""A stream's first piece, where the client has left by then."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from starlette.types import Message

from billing.proxy.calls.call import Call
from billing.proxy.http.exchange import HttpExchange

START: Message = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/event-stream")],
}
PIECE: Message = {"type": "http.response.body", "body": b"data: {}\n\n", "more_body": True}
BODY: Message = {"type": "http.request", "body": b"{}", "more_body": False}
LEFT: Message = {"type": "http.disconnect"}


class Client:
    """Sends its body, then leaves, or stays and says no more."""

    def __init__(self, *, leaves: bool) -> None:
        self._messages = [BODY, LEFT] if leaves else [BODY]
        self.got: list[Message] = []

    async def receive(self) -> Message:
        if self._messages:
            return self._messages.pop(0)
        await asyncio.Event().wait()
        raise AssertionError("waits for ever")

    async def send(self, message: Message) -> None:
        self.got.append(message)


async def covered(piece: bytes, *, more: bool) -> bytes:
    return piece


@pytest.mark.parametrize("leaves", [True, False])
async def test_is_sent_only_to_a_client_that_is_still_there(leaves: bool) -> None:
    client = Client(leaves=leaves)
    call = Call("/v1/chat/completions")
    call.stream = SimpleNamespace(covered=covered, refusal=None)  # type: ignore[assignment]  # as far as it is asked
    exchange = HttpExchange(call, {"type": "http"}, client.receive, client.send, None)
    await exchange.receive()
    await exchange.send(START)
    sending = asyncio.create_task(exchange.send(PIECE))
    for _turn_of_the_loop in range(20):
        await asyncio.sleep(0)
    assert sending.done() is not leaves  # LiteLLM is kept until the server cancels it
    sending.cancel()
    assert call.delivery.client_gone is leaves
    assert [message["type"] for message in client.got[1:]] == ([] if leaves else ["http.response.body"])
    assert call.delivery.body_bytes == (0 if leaves else len(PIECE["body"]))
