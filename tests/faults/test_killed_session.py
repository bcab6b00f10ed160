"""`kill -9` of the gateway while a realtime session runs: it costs what it had used, once, and is listed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path

import openai
import pytest
from openai.resources.realtime.realtime import RealtimeConnection
from openai.types.realtime import RealtimeServerEvent, ResponseDoneEvent
from websockets.exceptions import ConnectionClosedError

from devkit.run.run_file import RunFile
from tests.acceptance.launch import Launched, launch
from tests.deadline import eventually
from tests.faults.test_killed_gateway import LEASES, ask, charges_of, credit, gateway_of, get

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], Launched]]:
    """Starts a gateway, with leases of five seconds; again on the same home after it was killed."""
    with ExitStack() as stack:

        def run() -> Launched:
            launched = launch(tmp_path / "home", environment=LEASES)
            stack.callback(launched.stop)
            return launched

        yield run


def until(connection: RealtimeConnection, kind: str) -> RealtimeServerEvent:
    while True:
        event = connection.recv()
        if event.type == kind:
            return event


def begin(connection: RealtimeConnection) -> None:
    connection.conversation.item.create(
        item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hello"}]}
    )
    connection.response.create()


def cost_of(done: RealtimeServerEvent) -> Decimal:
    """By the demo model's prices."""
    assert isinstance(done, ResponseDoneEvent)
    usage = done.response.usage
    assert usage is not None
    inputs, outputs = usage.input_tokens or 0, usage.output_tokens or 0
    return inputs * Decimal("0.00000015") + outputs * Decimal("0.0000006")


def held_beyond_its_lease(facts: RunFile, connection: RealtimeConnection) -> list[Decimal]:
    """What is held at each piece of an answer that takes longer than the lease."""
    held: list[Decimal] = []
    late = time.monotonic() + 1.5 * float(LEASES["BILLING_HOLD_TTL_S"])
    while time.monotonic() < late:
        until(connection, "response.output_text.delta")
        held.append(Decimal(str(get(facts, "/stripe/balance")["held"])))
    return held


def test_a_session_keeps_its_hold_and_killed_costs_its_answers_so_far(start: Callable[[], Launched]) -> None:
    first = start()
    facts = first.until_ready()
    credit(facts, "1")
    address = f"{facts.base_url.replace('http', 'ws', 1)}/v1"
    with openai.OpenAI(api_key=facts.demo_key, websocket_base_url=address) as client:
        connection = client.realtime.connect(model="demo-slow").enter()
        begin(connection)
        held = held_beyond_its_lease(facts, connection)
        connection.response.cancel()
        cost = cost_of(until(connection, "response.done"))
        assert len(held) > 1
        assert min(held) > cost > 0
        begin(connection)
        until(connection, "response.output_text.delta")
        gateway_of(first).kill()
        with pytest.raises(ConnectionClosedError):
            until(connection, "response.done")
    assert first.until_stopped() != 0

    facts = start().until_ready()
    eventually(lambda: get(facts, "/stripe/balance")["held"] == "0.00", timeout_s=60)
    [charge] = charges_of(facts)
    assert -Decimal(charge["amount"]) == cost
    assert charge["detail"]["ending"] == "no_event"
    assert len(json.loads(ask("review", facts).stdout)["calls"]) == 1
    assert ask("verify", facts).returncode == 0
