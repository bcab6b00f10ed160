"""Wherever an answer names a price, a customer reads its charge, and the operator the provider's cost.

The provider states its cost itself, as OpenRouter does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal

import httpx
import pytest

from tests.acceptance.customers import Customer, NewCustomer, spent
from tests.acceptance.endings.answers import chat_stream, whole
from tests.acceptance.endings.hostile import Gateway
from tests.acceptance.endings.provider import Answer, Json, Provider

MODEL = "one-price"
PROMPT, COMPLETION = 1_000, 20
INPUT, OUTPUT = Decimal("0.000001"), Decimal("0.000030")
COST = PROMPT * INPUT + COMPLETION * OUTPUT  # 0.0016
MULTIPLIER = 3
STATED = {"cost": float(COST), "cost_details": {"upstream_inference_cost": float(COST)}}
USAGES: dict[str, Json] = {
    "/chat/completions": {"prompt_tokens": PROMPT, "completion_tokens": COMPLETION},
    "/responses": {"input_tokens": PROMPT, "output_tokens": COMPLETION},
}
MESSAGES = [{"role": "user", "content": "count " * 900}]
CHAT = ("/v1/chat/completions", {"messages": MESSAGES, "max_tokens": 40})
MESSAGE = ("/v1/messages", {"messages": MESSAGES, "max_tokens": 40})
RESPONSE = ("/v1/responses", {"input": MESSAGES, "max_output_tokens": 40})


def _answer(path: str, body: Json) -> Answer:
    usage = next(usage for end, usage in USAGES.items() if path.endswith(end))
    stated = {**usage, "total_tokens": PROMPT + COMPLETION, **STATED}
    return (chat_stream if body.get("stream") else whole)(path, COMPLETION, stated)


@pytest.fixture
def operator(admin: httpx.Client, new_customer: NewCustomer) -> Iterator[Gateway]:
    """A gateway with a model whose provider states its cost."""
    provider = Provider(_answer)
    gateway = Gateway(False, admin, new_customer)
    with ExitStack() as stack:
        stack.callback(provider.close)
        prices = {"input_cost_per_token": float(INPUT), "output_cost_per_token": float(OUTPUT)}
        params = {"model": f"openai/{MODEL}", "api_base": f"{provider.url}/v1", **prices}
        gateway.add_model(stack, MODEL, params, mode="chat", max_input_tokens=8_000, max_output_tokens=100)
        yield gateway


def customer_of(gateway: Gateway, stack: ExitStack) -> Customer:
    customer = gateway.new_customer(credit="1")
    gateway.add_rule(stack, customer, multiplier=str(MULTIPLIER))
    return customer


def figures(answer: httpx.Response) -> dict[str, Decimal]:
    """The prices in the headers and, as `usage`, in the body."""
    usage = json.loads(answer.text, parse_float=Decimal)["usage"]
    headers = {name: value for name, value in answer.headers.items() if "cost" in name or "spend" in name}
    found = {name: Decimal(value) for name, value in headers.items()}
    return {**found, "usage": usage["cost"]} if "cost" in usage else found


@pytest.mark.parametrize("call", [CHAT, MESSAGE, RESPONSE], ids=["chat", "messages", "responses"])
def test_of_an_answer_in_one_piece(call: tuple[str, Json], operator: Gateway) -> None:
    path, body = call
    with ExitStack() as stack:
        customer = customer_of(operator, stack)
        answer = customer.http.post(path, json={"model": MODEL, **body}).raise_for_status()
        [charge] = customer.settled(charges=1)
    assert spent(charge) == MULTIPLIER * COST
    shown = figures(answer)
    assert {"x-billing-cost", "x-litellm-response-cost"} <= set(shown)
    assert set(shown.values()) == {spent(charge)}
    assert "cost_details" not in answer.text


def test_of_a_stream_is_none(operator: Gateway) -> None:
    path, body = CHAT
    body = {"model": MODEL, **body, "stream": True, "stream_options": {"include_usage": True}}
    with ExitStack() as stack:
        customer = customer_of(operator, stack)
        answer = customer.http.post(path, json=body).raise_for_status()
        [charge] = customer.settled(charges=1)
    assert spent(charge) == MULTIPLIER * COST
    assert '"completion_tokens":20' in answer.text.replace(" ", "")
    assert '"cost' not in answer.text
    assert '"cost":' in operator.admin.post(path, json=body).raise_for_status().text


def test_of_an_admins_answer_is_litellms(operator: Gateway) -> None:
    path, body = CHAT
    shown = figures(operator.admin.post(path, json={"model": MODEL, **body}).raise_for_status())
    assert shown["x-litellm-response-cost"] == shown["usage"] == COST
    assert "x-litellm-key-spend" in shown
