"""What each ending costs (docs/explanation/endings.md), on real streams that really break."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import httpx
import pytest

from tests.acceptance.customers import Customer, Transaction
from tests.deadline import eventually

HELLO = [{"role": "user", "content": "hello there, count to forty"}]


def body(model: str, **fields: object) -> dict[str, object]:
    return {"model": model, "messages": HELLO, "max_tokens": 40, **fields}


def ending_of(charge: Transaction) -> object:
    detail = charge["detail"]
    assert isinstance(detail, dict)
    return detail["ending"]


def nothing_held(customer: Customer) -> None:
    eventually(lambda: customer.balance()["held"] == 0)


class TestFinished:
    @pytest.mark.parametrize("stream", [False, True])
    def test_costs_litellms_cost(self, stream: bool, new_customer: Callable[..., Customer]) -> None:
        customer = new_customer(credit="1")
        answer = customer.http.post("/v1/chat/completions", json=body("demo-chat", stream=stream))
        assert answer.status_code == 200
        [charge] = customer.settled(charges=1)
        assert ending_of(charge) == "finished"

    def test_a_stream_without_usage_is_charged_too(self, new_customer: Callable[..., Customer]) -> None:
        customer = new_customer(credit="1")
        customer.http.post("/v1/chat/completions", json=body("demo-no-usage", stream=True)).raise_for_status()
        [charge] = customer.settled(charges=1)
        assert Decimal(str(charge["amount"])) < 0

    def test_a_retried_call_is_charged_once(self, new_customer: Callable[..., Customer]) -> None:
        customer = new_customer(credit="1")
        answer = customer.http.post("/v1/chat/completions", json=body("demo-flaky"))
        assert answer.status_code == 200
        assert len(customer.settled(charges=1)) == 1


class TestCutByTheClient:
    def test_mid_stream_costs_the_usage_so_far(self, new_customer: Callable[..., Customer]) -> None:
        customer = new_customer(credit="1")
        request = body("demo-slow", stream=True)
        with customer.http.stream("POST", "/v1/chat/completions", json=request) as answer:
            lines = answer.iter_lines()  # kept: dropping it would close the stream
            assert next(lines).startswith("data: ")
            assert customer.balance()["held"] > 0
        [charge] = customer.settled(charges=1)
        assert ending_of(charge) == "cut_mid_stream"
        assert Decimal(str(charge["amount"])) < 0

    def test_before_the_first_chunk_costs_the_input(self, new_customer: Callable[..., Customer]) -> None:
        customer = new_customer(credit="1")
        with pytest.raises(httpx.ReadTimeout):
            customer.http.post(
                "/v1/chat/completions",
                json=body("demo-slow", stream=True),
                timeout=httpx.Timeout(5, read=0.5),
            )
        [charge] = customer.settled(charges=1)
        assert ending_of(charge) == "cut_before_first_chunk"
        assert Decimal(str(charge["amount"])) < 0


class TestBroken:
    def test_mid_stream_costs_what_was_recovered(self, new_customer: Callable[..., Customer]) -> None:
        customer = new_customer(credit="1")
        customer.http.post("/v1/chat/completions", json=body("demo-broken", stream=True))
        [charge] = customer.settled(charges=1)
        assert ending_of(charge) in {"broken_mid_stream", "finished"}
        assert Decimal(str(charge["amount"])) < 0


class TestFailed:
    def test_before_dispatch_costs_nothing(self, new_customer: Callable[..., Customer]) -> None:
        customer = new_customer(credit="1")
        answer = customer.http.post("/v1/chat/completions", json=body("no-such-model"))
        assert 400 <= answer.status_code < 500
        nothing_held(customer)
        assert customer.balance()["balance"] == 1
