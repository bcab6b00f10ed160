"""Stripe does not answer: nobody can top up, and whoever has credit is served and charged as ever."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from tests.acceptance.customers import Customer

BODY = {"model": "demo-chat", "messages": [{"role": "user", "content": "hello there"}], "max_tokens": 40}
PROMPT_TOKENS = 9  # of that


@pytest.mark.parametrize("stream", [False, True])
def test_calls_go_on_and_are_charged(stream: bool, strict_customer: Callable[..., Customer]) -> None:
    customer = strict_customer(credit="1")
    topup = customer.http.post("/stripe/topup", json={"amount": "10"})
    assert (topup.status_code, topup.json()["error"]["code"]) == (503, "stripe_unavailable")
    customer.http.post("/v1/chat/completions", json={**BODY, "stream": stream}).raise_for_status()
    [charge] = customer.settled(charges=1)
    cost = PROMPT_TOKENS * Decimal("0.00000015") + 40 * Decimal("0.0000006")
    assert -Decimal(str(charge["amount"])) == cost
    assert customer.balance()["balance"] == 1 - cost
