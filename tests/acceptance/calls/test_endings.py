"""What each ending costs (docs/explanation/endings.md), on real streams that really break."""

from __future__ import annotations

from decimal import Decimal

import httpx
import pytest

from devkit.demo_upstream.app import PIECES_BEFORE_BREAK
from tests.acceptance.customers import HELLO, NewCustomer, ending_of, nothing_held, spent

PROMPT_TOKENS = 13  # of HELLO, as LiteLLM counts it
OUR_COUNT = 10  # the same by our own count, where no event of LiteLLM's says it
INPUT, OUTPUT = Decimal("0.00000015"), Decimal("0.0000006")  # a token, of the demo models here
LIMIT = 4_000  # tokens: a hold of many times what is streamed
AHEAD = 5  # tokens that may be on their way when a client leaves, on a busy machine


def body(model: str, **fields: object) -> dict[str, object]:
    return {"model": model, "messages": HELLO, "max_tokens": 40, **fields}


class TestFinished:
    @pytest.mark.parametrize("stream", [False, True])
    def test_costs_litellms_cost(self, stream: bool, new_customer: NewCustomer) -> None:
        customer = new_customer(credit="1")
        answer = customer.http.post("/v1/chat/completions", json=body("demo-chat", stream=stream))
        assert answer.status_code == 200
        [charge] = customer.settled(charges=1)
        assert ending_of(charge) == "finished"

    def test_a_stream_without_usage_is_charged_too(self, new_customer: NewCustomer) -> None:
        customer = new_customer(credit="1")
        customer.http.post("/v1/chat/completions", json=body("demo-no-usage", stream=True)).raise_for_status()
        [charge] = customer.settled(charges=1)
        assert spent(charge) > 0

    def test_a_retried_call_is_charged_once(self, new_customer: NewCustomer) -> None:
        customer = new_customer(credit="1")
        answer = customer.http.post("/v1/chat/completions", json=body("demo-flaky"))
        assert answer.status_code == 200
        assert len(customer.settled(charges=1)) == 1


class TestCutByTheClient:
    def test_mid_stream_costs_the_usage_so_far(self, new_customer: NewCustomer) -> None:
        customer = new_customer(credit="1")
        request = body("demo-slow", stream=True, max_tokens=LIMIT)
        with customer.http.stream("POST", "/v1/chat/completions", json=request) as answer:
            lines = answer.iter_lines()  # kept: dropping it would close the stream
            assert [next(line for line in lines if '"content":"' in line) for _ in range(2)]
            held = customer.balance()["held"]
        [charge] = customer.settled(charges=1)
        assert ending_of(charge) == "cut_mid_stream"
        most = PROMPT_TOKENS * INPUT + (2 + AHEAD) * OUTPUT
        assert PROMPT_TOKENS * INPUT < spent(charge) <= most < held / 20

    def test_before_the_first_chunk_costs_the_input(self, new_customer: NewCustomer) -> None:
        customer = new_customer(credit="1")
        with pytest.raises(httpx.ReadTimeout):
            customer.http.post(
                "/v1/chat/completions",
                json=body("demo-slow", stream=True, max_tokens=LIMIT),
                timeout=httpx.Timeout(5, read=0.5),
            )
        [charge] = customer.settled(charges=1)
        assert ending_of(charge) == "cut_before_first_chunk"
        assert spent(charge) == OUR_COUNT * INPUT


class TestBroken:
    def test_mid_stream_costs_what_was_sent_and_shown(self, new_customer: NewCustomer) -> None:
        customer = new_customer(credit="1")
        request = body("demo-broken", stream=True, max_tokens=LIMIT)
        customer.http.post("/v1/chat/completions", json=request)
        [charge] = customer.settled(charges=1)
        assert ending_of(charge) == "broken_mid_stream"
        assert spent(charge) == OUR_COUNT * INPUT + PIECES_BEFORE_BREAK * OUTPUT


class TestFailed:
    def test_before_dispatch_costs_nothing(self, new_customer: NewCustomer) -> None:
        customer = new_customer(credit="1")
        answer = customer.http.post("/v1/chat/completions", json=body("no-such-model"))
        assert 400 <= answer.status_code < 500
        nothing_held(customer)
        assert customer.balance()["balance"] == 1
