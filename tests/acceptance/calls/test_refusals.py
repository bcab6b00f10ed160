"""What a billed key is refused, and how it is told."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import anthropic
import httpx
import openai
import pytest
from anthropic.types import MessageParam
from openai.types.chat import ChatCompletionMessageParam

from tests.acceptance.customers import Customer

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hello"}]
ANTHROPIC_HELLO: list[MessageParam] = [{"role": "user", "content": "hello"}]
Body = dict[str, object]


def chat_body(**fields: object) -> Body:
    return {"model": "demo-chat", "messages": HELLO, "max_tokens": 10, **fields}


class TestWithoutCredit:
    def test_openais_sdk_gets_402_with_the_way_to_top_up(self, new_customer: Callable[..., Customer]) -> None:
        customer = new_customer()
        with pytest.raises(openai.APIStatusError) as refusal:
            customer.openai.chat.completions.create(model="demo-chat", messages=HELLO, max_tokens=10)
        error = refusal.value
        assert error.status_code == 402
        assert error.code == "insufficient_credits"
        assert error.type == "insufficient_quota"
        assert isinstance(error.body, dict)
        assert error.body["available"] == "0.00"
        assert Decimal(error.body["required"]) > 0
        assert error.body["top_up_url"].startswith(customer.base_url)

    def test_anthropics_sdk_gets_402_in_its_shape(self, new_customer: Callable[..., Customer]) -> None:
        customer = new_customer()
        with pytest.raises(anthropic.APIStatusError) as refusal:
            customer.anthropic.messages.create(model="demo-chat", messages=ANTHROPIC_HELLO, max_tokens=10)
        assert refusal.value.status_code == 402
        body = refusal.value.body
        assert isinstance(body, dict)
        assert body["type"] == "error"
        assert body["error"]["type"] == "billing_error"
        assert body["error"]["top_up_url"].startswith(customer.base_url)

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("/v1/chat/completions", chat_body(stream=True)),
            ("/v1/completions", {"model": "demo-chat", "prompt": "hello"}),
            ("/v1/embeddings", {"model": "demo-embed", "input": "hello"}),
            ("/v1/messages", {**chat_body(), "stream": True}),
        ],
    )
    def test_every_billed_route_is_refused_before_it_streams(
        self, path: str, body: Body, new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer()
        answer = customer.http.post(path, json=body)
        assert answer.status_code == 402
        assert answer.headers["content-type"] == "application/json"
        assert customer.transactions() == []

    def test_the_requested_output_must_fit_where_the_client_names_it(
        self, new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer(credit="0.001")
        answer = customer.http.post(
            "/v1/chat/completions", json=chat_body(model="demo-large", max_tokens=4000)
        )
        assert answer.status_code == 402
        assert "would cover an output of" in answer.json()["error"]["message"]

    def test_a_smaller_output_is_set_where_the_client_names_none(
        self, new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer(credit="0.05")
        body: Body = {"model": "demo-large", "messages": HELLO}
        assert customer.http.post("/v1/chat/completions", json=body).status_code == 200
        [charge] = customer.settled(charges=1)
        assert 0 < -Decimal(str(charge["amount"])) <= Decimal("0.05")


class TestWhoIsBilled:
    def test_a_key_without_a_user_is_refused(self, admin: httpx.Client, running_url: str) -> None:
        key = admin.post("/key/generate", json={"models": []}).raise_for_status().json()["key"]
        answer = httpx.post(
            f"{running_url}/v1/chat/completions",
            json=chat_body(),
            headers={"Authorization": f"Bearer {key}"},
        )
        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "no_payer"

    def test_the_body_does_not_choose_the_payer(self, new_customer: Callable[..., Customer]) -> None:
        victim, caller = new_customer(credit="1"), new_customer()
        body = chat_body(
            user=victim.user_id,
            metadata={"user_api_key_user_id": victim.user_id, "user_id": victim.user_id},
        )
        headers = {"x-litellm-customer-id": victim.user_id, "x-litellm-end-user-id": victim.user_id}
        answer = caller.http.post("/v1/chat/completions", json=body, headers=headers)
        assert answer.status_code == 402
        assert victim.transactions("charge") == []

    def test_admins_are_neither_billed_nor_restricted(self, admin: httpx.Client) -> None:
        answer = admin.post("/v1/chat/completions", json=chat_body())
        assert answer.status_code == 200
        assert "x-billing-call-id" not in answer.headers

    def test_no_key_and_a_wrong_key_are_401(self, running_url: str) -> None:
        for headers in ({}, {"Authorization": "Bearer sk-not-a-key"}):
            answer = httpx.post(f"{running_url}/v1/chat/completions", json=chat_body(), headers=headers)
            assert answer.status_code == 401

    def test_a_customer_cannot_make_a_key_that_names_its_payer(
        self, new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer()
        for body in (
            {"metadata": {"billing_trusted_backend": True}},
            {"metadata": '{"billing_trusted_backend": true}'},
        ):
            answer = customer.http.post("/key/generate", json=body)
            assert answer.status_code == 403
            assert "billing_trusted_backend" in answer.json()["error"]["message"]


class TestWhatCannotBePriced:
    def test_an_unpriced_model_is_refused(self, new_customer: Callable[..., Customer]) -> None:
        customer = new_customer(credit="1")
        answer = customer.http.post("/v1/chat/completions", json=chat_body(model="demo-unpriced"))
        assert answer.status_code == 403
        assert customer.transactions("charge") == []

    @pytest.mark.parametrize(
        "fields",
        [
            {"model": "demo-chat,demo-large"},
            {"max_tokens": 0},
            {"max_tokens": -5},
            {"n": 0},
        ],
        ids=str,
    )
    def test_what_has_no_cost_limit_is_400(self, fields: Body, new_customer: Callable[..., Customer]) -> None:
        customer = new_customer(credit="1")
        answer = customer.http.post("/v1/chat/completions", json=chat_body(**fields))
        assert answer.status_code == 400
        assert customer.balance()["held"] == 0

    def test_mcp_tools_are_refused(self, new_customer: Callable[..., Customer]) -> None:
        customer = new_customer(credit="1")
        tools = [{"type": "mcp", "server_label": "x", "server_url": "litellm_proxy"}]
        answer = customer.http.post("/v1/chat/completions", json=chat_body(tools=tools))
        assert answer.status_code == 403
