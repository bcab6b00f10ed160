"""Answers from LiteLLM's own cache, which no provider sees: free by default, and nothing says otherwise."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from decimal import Decimal

import httpx
import pytest

from tests.acceptance.customers import Customer
from tests.deadline import eventually

CHAT = "/v1/chat/completions"
FROM_CACHE = "x-litellm-cache-key"


@pytest.fixture
def question(strict_admin: httpx.Client) -> dict[str, object]:
    """A new question whose client requests the cache; others do not use it."""
    settings = {"cache_settings": {"type": "local", "mode": "default_off"}}
    strict_admin.post("/cache/settings", json=settings).raise_for_status()
    return {
        "model": "demo-chat",
        "messages": [{"role": "user", "content": f"what is {uuid.uuid4().hex}?"}],
        "max_tokens": 40,
        "cache": {"use-cache": True},
    }


def ask(customer: Customer, question: dict[str, object], *, stream: bool) -> httpx.Response:
    return customer.http.post(CHAT, json={**question, "stream": stream}).raise_for_status()


@pytest.mark.parametrize("stream", [False, True])
def test_the_same_question_again_is_free(
    stream: bool, question: dict[str, object], strict_customer: Callable[..., Customer]
) -> None:
    customer = strict_customer(credit="1")
    first = ask(customer, question, stream=stream)
    [charge] = customer.settled(charges=1)
    again = ask(customer, question, stream=stream)
    eventually(lambda: customer.balance()["held"] == 0)
    assert FROM_CACHE not in first.headers
    assert FROM_CACHE in again.headers
    cost = -Decimal(str(charge["amount"]))
    assert cost > 40 * Decimal("0.0000006")
    assert first.headers.get("x-billing-cost") == (None if stream else str(cost))
    assert again.headers.get("x-billing-cost") == (None if stream else "0.00")
    assert again.headers.get("x-litellm-response-cost") == again.headers.get("x-billing-cost")
    assert again.headers["x-billing-call-id"] != first.headers["x-billing-call-id"]
    assert customer.transactions("charge") == [charge]
    assert customer.balance()["balance"] == 1 - cost


def test_the_same_message_again_names_what_is_charged_for_it(
    question: dict[str, object], strict_customer: Callable[..., Customer]
) -> None:
    """LiteLLM does not mark these answers as cached, and names the provider's cost."""
    customer = strict_customer(credit="1")
    first, again = (customer.http.post("/v1/messages", json=question).raise_for_status() for _ in range(2))
    eventually(lambda: customer.balance()["held"] == 0)
    [charge] = customer.settled(charges=1)
    assert Decimal(first.headers["x-billing-cost"]) == -Decimal(str(charge["amount"])) > 0
    assert again.json() == first.json()
    assert again.headers["x-billing-cost"] == "0.00"
    assert again.headers.get("x-litellm-response-cost", "0.00") == "0.00"


def test_another_customer_asks_the_provider_anew_whatever_cache_it_names(
    question: dict[str, object], strict_customer: Callable[..., Customer]
) -> None:
    """Not the answer of somebody else, nor an answer that somebody else gets."""
    first, other, poor = strict_customer(credit="1"), strict_customer(credit="1"), strict_customer()
    shared = {**question, "cache": {"use-cache": True, "namespace": "ours"}}
    ask(first, shared, stream=False)
    first.settled(charges=1)
    key = ask(first, shared, stream=False).headers[FROM_CACHE]
    assert FROM_CACHE not in ask(other, shared, stream=False).headers
    [charge] = other.settled(charges=1)
    assert Decimal(str(charge["amount"])) < 0
    namespace = key.rsplit(":", 1)[0]
    stolen = {**question, "cache": {"use-cache": True, "namespace": namespace}}
    assert FROM_CACHE not in ask(other, stolen, stream=False).headers
    for chosen in ({"cache_key": key}, {"cache": {"use-cache": True, "cache_key": key}}):
        assert other.http.post(CHAT, json={**question, **chosen}).status_code == 400
    assert poor.http.post(CHAT, json=shared).status_code == 402
