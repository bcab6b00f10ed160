"""Realtime sessions of a customer, through the official SDK's own WebSocket connection."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import cast

import openai
import pytest
from openai.resources.realtime.realtime import RealtimeConnection
from openai.types.realtime import RealtimeErrorEvent, ResponseDoneEvent
from websockets.exceptions import ConnectionClosedError

from tests.acceptance.conftest import Running

Connect = Callable[..., "Session"]


class Session:
    """One session, with what the tests say and wait for."""

    def __init__(self, connection: RealtimeConnection) -> None:
        self.connection = connection

    def say(self, text: str) -> None:
        """A message of the user, without asking for an answer."""
        self.connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        )

    def ask(self, text: str) -> ResponseDoneEvent:
        """A message of the user, and the answer to it."""
        self.say(text)
        self.connection.response.create()
        return self.done()

    def until(self, kind: str) -> object:
        """The next event of that kind; those before it are dropped. Fails where the session ends first."""
        for event in self.connection:
            if event.type == kind:
                return event
        raise AssertionError(f"the session ended without {kind}")

    def done(self) -> ResponseDoneEvent:
        return cast(ResponseDoneEvent, self.until("response.done"))

    def error(self) -> dict[str, object]:
        """The next error event's object, with the fields that are ours."""
        return cast(RealtimeErrorEvent, self.until("error")).error.model_dump()

    def close_code(self) -> int:
        """How the gateway closes the session, after whatever it still says."""
        with pytest.raises(ConnectionClosedError) as closed:
            self._read_on()
        assert closed.value.rcvd is not None
        return closed.value.rcvd.code

    def _read_on(self) -> None:
        while True:
            self.connection.recv()


@pytest.fixture
def connect(running: Running) -> Iterator[Connect]:
    """Opens a session with a key on a model; `path` is what stands before `/realtime`."""
    address = running.base_url.replace("http", "ws", 1)
    with ExitStack() as stack:

        def start(key: str, model: str, path: str = "/v1", **query: str) -> Session:
            client = stack.enter_context(
                openai.OpenAI(api_key=key, websocket_base_url=f"{address}{path}", max_retries=0)
            )
            return Session(stack.enter_context(client.realtime.connect(model=model, extra_query=dict(query))))

        yield start
