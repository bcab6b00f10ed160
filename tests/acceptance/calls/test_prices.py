"""Each kind of call is charged what LiteLLM's cost says, nano for nano."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import httpx
import pytest
from anthropic.types import MessageParam
from openai.types.chat import ChatCompletionMessageParam

from tests.acceptance.customers import Customer, Transaction
from tests.deadline import eventually

QUESTION = "Say something about prepaid balances."
MESSAGES: list[ChatCompletionMessageParam] = [{"role": "user", "content": QUESTION}]
ANTHROPIC_MESSAGES: list[MessageParam] = [{"role": "user", "content": QUESTION}]


def chat(customer: Customer) -> tuple[int, int]:
    answer = customer.openai.chat.completions.create(model="demo-chat", messages=MESSAGES, max_tokens=40)
    assert answer.usage is not None
    return answer.usage.prompt_tokens, answer.usage.completion_tokens


def streamed_chat(customer: Customer) -> tuple[int, int]:
    stream = customer.openai.chat.completions.create(
        model="demo-chat",
        messages=MESSAGES,
        max_tokens=40,
        stream=True,
        stream_options={"include_usage": True},
    )
    usage = [chunk.usage for chunk in stream if chunk.usage is not None][-1]
    return usage.prompt_tokens, usage.completion_tokens


def completion(customer: Customer) -> tuple[int, int]:
    answer = customer.openai.completions.create(model="demo-chat", prompt="Once upon a time", max_tokens=20)
    assert answer.usage is not None
    return answer.usage.prompt_tokens, answer.usage.completion_tokens


def messages(customer: Customer) -> tuple[int, int]:
    answer = customer.anthropic.messages.create(model="demo-chat", messages=ANTHROPIC_MESSAGES, max_tokens=40)
    return answer.usage.input_tokens, answer.usage.output_tokens


def streamed_messages(customer: Customer) -> tuple[int, int]:
    with customer.anthropic.messages.stream(
        model="demo-chat", messages=ANTHROPIC_MESSAGES, max_tokens=40
    ) as stream:
        usage = stream.get_final_message().usage
    return usage.input_tokens, usage.output_tokens


def embedding(customer: Customer) -> tuple[int, int]:
    answer = customer.openai.embeddings.create(model="demo-embed", input=["one text", "another text"])
    return answer.usage.prompt_tokens, 0


CALLS = [chat, streamed_chat, completion, messages, streamed_messages, embedding]


def cost_of(charge: Transaction, prompt_tokens: int, completion_tokens: int) -> Decimal:
    detail = charge["detail"]
    assert isinstance(detail, dict)
    prices = {name: Decimal(price) for name, price in detail["unit_prices"].items()}
    return prompt_tokens * prices["input_cost_per_token"] + completion_tokens * prices.get(
        "output_cost_per_token", Decimal(0)
    )


class TestEachKindOfCall:
    @pytest.mark.parametrize("call", CALLS, ids=[call.__name__ for call in CALLS])
    def test_costs_its_tokens_times_their_prices(
        self, call: Callable[[Customer], tuple[int, int]], new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer(credit="10")
        prompt_tokens, completion_tokens = call(customer)
        [charge] = customer.settled(charges=1)
        spent = -Decimal(str(charge["amount"]))
        assert spent > 0
        assert spent == round(cost_of(charge, prompt_tokens, completion_tokens), 9)
        balance = customer.balance()
        assert balance["total_spent"] == spent
        assert balance["balance"] == balance["available"] == 10 - spent

    @pytest.mark.parametrize("call", CALLS, ids=[call.__name__ for call in CALLS])
    def test_is_explained_to_the_customer(
        self, call: Callable[[Customer], tuple[int, int]], new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer(credit="10")
        prompt_tokens, completion_tokens = call(customer)
        [charge] = customer.settled(charges=1)
        detail = charge["detail"]
        assert isinstance(detail, dict)
        assert detail["model"] in {"demo-chat", "demo-embed"}
        assert detail["tokens"]["prompt"] == prompt_tokens
        assert detail["tokens"]["completion"] == completion_tokens
        assert Decimal(detail["unit_prices"]["input_cost_per_token"]) > 0
        assert Decimal(detail["provider_cost"]) == -Decimal(str(charge["amount"]))
        rule, price = detail["rule"], detail["price"]
        assert (rule["id"], rule["source"], rule["applies_to"]) == ("default", "default", {})
        assert (rule["multiplier"], rule["fee"], rule["floor"]) == ("1", "0.00", "0.00")
        assert price["basis"] == "provider_cost"
        assert Decimal(price["cost"]) == Decimal(detail["provider_cost"])
        assert Decimal(price["amount"]) == -Decimal(str(charge["amount"]))


class TestAgainstLiteLLM:
    def test_the_charges_are_the_costs_of_its_spend_log(
        self, admin: httpx.Client, new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer(credit="10")
        for call in CALLS:
            call(customer)
        charges = customer.settled(charges=len(CALLS))
        logs: list[dict[str, object]] = []

        def all_logged() -> bool:
            answer = admin.get("/spend/logs", params={"user_id": customer.user_id, "summarize": "false"})
            logs[:] = [row for row in answer.raise_for_status().json() if row["spend"] > 0]
            return len(logs) == len(CALLS)

        eventually(all_logged, timeout_s=90, every_s=1)
        logged = sorted(round(Decimal(str(row["spend"])), 9) for row in logs)
        assert sorted(-Decimal(str(charge["amount"])) for charge in charges) == logged
        assert customer.balance()["total_spent"] == sum(logged)


class TestHeaders:
    def test_name_the_call_its_cost_and_what_is_left(self, new_customer: Callable[..., Customer]) -> None:
        customer = new_customer(credit="1")
        answer = customer.http.post(
            "/v1/chat/completions", json={"model": "demo-chat", "messages": MESSAGES, "max_tokens": 10}
        )
        [charge] = customer.settled(charges=1)
        assert answer.headers["x-billing-call-id"].startswith("call_")
        assert Decimal(answer.headers["x-billing-cost"]) == -Decimal(str(charge["amount"]))
        assert 0 < Decimal(answer.headers["x-billing-available"]) < 1

    def test_a_stream_names_the_call_and_what_is_left(self, new_customer: Callable[..., Customer]) -> None:
        customer = new_customer(credit="1")
        answer = customer.http.post(
            "/v1/chat/completions",
            json={"model": "demo-chat", "messages": MESSAGES, "max_tokens": 10, "stream": True},
        )
        assert answer.headers["x-billing-call-id"].startswith("call_")
        assert "x-billing-cost" not in answer.headers
        customer.settled(charges=1)
