"""What the operator mirrors to another model (LiteLLM's `silent_model`) is no business of the customer's."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import httpx
import pytest

from tests.acceptance.calls.test_metrics import value
from tests.acceptance.customers import Customer
from tests.deadline import eventually

MESSAGES = [{"role": "user", "content": "hello there, count to forty"}]
IN_THE_BACKGROUND = "proxyllm_success_events_without_call_total"


@pytest.mark.parametrize("stream", [False, True])
def test_it_costs_nothing_and_leaves_the_hold_to_the_call(
    stream: bool, admin: httpx.Client, new_customer: Callable[..., Customer]
) -> None:
    """demo-large is asked the same, and has answered long before demo-mirrored, which is slow."""
    customer = new_customer(credit="1")
    mirrored = value(admin, IN_THE_BACKGROUND)
    request = {"model": "demo-mirrored", "messages": MESSAGES, "max_tokens": 4, "stream": stream}
    with customer.http.stream("POST", "/v1/chat/completions", json=request) as answer:
        held = [customer.balance()["held"] for line in answer.iter_lines() if '"content":"' in line]
    [charge] = customer.settled(charges=1)
    eventually(lambda: value(admin, IN_THE_BACKGROUND) > mirrored)
    assert customer.transactions("charge") == [charge]
    assert isinstance(charge["detail"], dict)
    assert charge["detail"]["model"] == "demo-mirrored"
    assert Decimal(str(charge["detail"]["provider_cost"])) == -Decimal(str(charge["amount"]))
    assert all(held[1:4])  # a second apart each; the last pieces may come with the event
    assert bool(held[1:4]) is stream
