"""Ways to be served for less than a call costs, each of which worked once."""

from __future__ import annotations

from decimal import Decimal

import httpx
import pytest

from tests.acceptance.customers import HELLO, NewCustomer, nothing_held, spent

Body = dict[str, object]
IMPOSSIBLE: Body = {"type": "object", "required": ["zz"], "properties": {"zz": {"type": "integer"}}}
TO_THE_DEAR_ONE: Body = {"fallbacks": [{"demo-broken": ["demo-large"]}]}


def chat(model: str = "demo-chat", **fields: object) -> Body:
    return {"model": model, "messages": HELLO, "max_tokens": 40, **fields}


class TestFieldsThatSteerLiteLLM:
    @pytest.mark.parametrize(
        "fields",
        [
            # Both fail the call after the provider answered, with the whole answer in the error's message.
            {
                "response_format": {
                    "type": "json_object",
                    "response_schema": IMPOSSIBLE,
                    "enforce_validation": True,
                }
            },
            {
                "enable_json_schema_validation": True,
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "x", "schema": IMPOSSIBLE},
                },
            },
            {"additional_drop_params": ["max_tokens"], "max_tokens": 1},  # as if no limit had been priced
            {"router_settings_override": TO_THE_DEAR_ONE},
            {"custom_llm_provider": "ollama"},
            {"deployment_id": "another"},
            {"num_retries": 1_000, "timeout": 0.01},
        ],
        ids=lambda fields: next(iter(fields)),
    )
    def test_are_refused_before_anything_is_served(self, fields: Body, new_customer: NewCustomer) -> None:
        customer = new_customer(credit="1")
        answer = customer.http.post("/v1/chat/completions", json={**chat(), **fields})
        assert answer.status_code == 400
        assert customer.balance()["held"] == 0
        assert "You asked" not in answer.text

    def test_what_leaves_the_price_alone_is_served(self, new_customer: NewCustomer) -> None:
        fields: Body = {
            "timeout": 30,
            "num_retries": 2,
            "metadata": {"a": "b"},
            "tags": ["a"],
            "fallbacks": ["demo-slow"],
            "cache": {"no-cache": True},
            "litellm_session_id": "s",
            "stream_timeout": 20,
            "user": "u",
            "no-log": True,
        }
        customer = new_customer(credit="1")
        headers = {"x-litellm-timeout": "30", "x-litellm-num-retries": "1", "x-litellm-tags": "a,b"}
        for path in ("/v1/chat/completions", "/v1/messages"):
            customer.http.post(path, json={**chat(), **fields}, headers=headers).raise_for_status()
        assert len(customer.settled(charges=2)) == 2

    def test_retries_by_header_are_limited_too(self, new_customer: NewCustomer) -> None:
        headers = {"x-litellm-num-retries": "1000"}
        answer = new_customer(credit="1").http.post("/v1/chat/completions", json=chat(), headers=headers)
        assert answer.status_code == 400


class TestFallbacksOfAKey:
    def test_are_not_a_customers_to_give_its_own_key(self, new_customer: NewCustomer) -> None:
        made = new_customer().http.post("/key/generate", json={"router_settings": TO_THE_DEAR_ONE})
        assert made.status_code == 403
        assert "router_settings" in made.json()["error"]["message"]


INPUT_PRICE, OUTPUT_PRICE = Decimal("0.15e-6"), Decimal("0.60e-6")  # demo-chat and what is priced like it


def price_of(answer: httpx.Response) -> Decimal:
    usage: dict[str, int] = answer.json()["usage"]
    return usage["prompt_tokens"] * INPUT_PRICE + usage["completion_tokens"] * OUTPUT_PRICE


class TestWhatAClientMayWriteButNotDecide:
    """Each is served, at the price of its tokens and to its key's customer, or refused without a charge."""

    @pytest.mark.parametrize(
        ("fields", "headers"),
        [
            ({"no-log": True}, {}),
            ({"user": "somebody-else"}, {"x-litellm-end-user-id": "somebody-else"}),
            ({"litellm_call_id": "mine"}, {"x-litellm-call-id": "mine"}),
            ({"metadata": {"spend_logs_metadata": {"billing_call_id": "call_of_another"}}}, {}),
            ({"metadata": {"user_api_key_user_id": "somebody-else"}}, {}),
            ({}, {"x-litellm-spend-logs-metadata": '{"billing_call_id": "call_of_another"}'}),
            ({"tags": ["free"], "metadata": {"tags": ["free"]}}, {"x-litellm-tags": "free"}),
            ({"metadata": {"model_info": {"billing": "free"}}}, {}),
            ({"mock_response": "free of charge"}, {}),
            ({"service_tier": "flex"}, {}),
            ({"n": 3}, {}),
            ({"max_tokens": None}, {}),
            ({"max_completion_tokens": 5}, {}),
            ({"model": "openai/demo-chat"}, {}),
            ({"fallbacks": [{"model": "demo-large"}]}, {}),
            ({"cache": {"ttl": 3600, "use-cache": True}}, {}),
        ],
        ids=str,
    )
    def test_it_pays_for_its_tokens(
        self, fields: Body, headers: dict[str, str], new_customer: NewCustomer
    ) -> None:
        customer = new_customer(credit="1")
        answer = customer.http.post("/v1/chat/completions", json={**chat(), **fields}, headers=headers)
        assert answer.status_code == 200
        [charge] = customer.settled(charges=1)
        assert spent(charge) == round(price_of(answer), 9) > 0

    @pytest.mark.parametrize(
        ("fields", "status", "code"),
        [
            ({"input_cost_per_token": 0, "output_cost_per_token": 0}, 400, "invalid_request"),
            ({"api_key": "sk-of-my-own", "api_base": "http://127.0.0.1:9"}, 403, "forbidden"),
            ({"api_key": "sk-of-my-own"}, 403, "forbidden"),
            ({"model_info": {"billing": "free"}}, 400, "invalid_request"),
            ({"response_cost": 0}, 400, "invalid_request"),
            ({"max_tokens": 10**9}, 400, "invalid_request"),
            ({"max_tokens": 0}, 400, "invalid_request"),
            ({"max_tokens": -1}, 400, "invalid_request"),
            ({"model": "demo-chat,demo-large"}, 400, "invalid_request"),
            ({"tools": [{"type": "mcp", "server_url": "litellm_proxy"}]}, 403, "model_not_priced"),
        ],
        ids=str,
    )
    def test_it_is_refused_without_a_charge(
        self, fields: Body, status: int, code: str, new_customer: NewCustomer
    ) -> None:
        customer = new_customer(credit="1")
        answer = customer.http.post("/v1/chat/completions", json={**chat(), **fields})
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
        nothing_held(customer)
        assert customer.balance()["balance"] == 1

    def test_the_same_call_id_again_is_another_call(self, new_customer: NewCustomer) -> None:
        customer = new_customer(credit="1")
        for _ in range(3):
            answer = customer.http.post(
                "/v1/chat/completions", json=chat(), headers={"x-litellm-call-id": "mine"}
            )
            answer.raise_for_status()
        assert len(customer.settled(charges=3)) == 3

    def test_a_dear_fallback_needs_the_dear_ones_credit(self, new_customer: NewCustomer) -> None:
        customer = new_customer(credit="0.0003")  # enough for demo-chat
        request = chat("demo-broken", fallbacks=["demo-large"])
        assert customer.http.post("/v1/chat/completions", json=request).status_code == 402
        assert customer.balance()["balance"] == Decimal("0.0003")
