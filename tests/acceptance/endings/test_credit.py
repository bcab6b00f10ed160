"""Credit that runs out mid-stream: the hold grows with the output, or the stream ends cleanly."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from tests.acceptance.customers import NewCustomer
from tests.acceptance.endings.credit import APIS, CUT, LIMIT, QUESTION, chat

SMALL = "0.0009"  # of demo-chat: the input, and some 1,480 tokens of output
STREAMS = 10

api = pytest.mark.parametrize("api", APIS)


class TestCreditThatRunsOut:
    @api
    def test_ends_the_stream_with_a_finish_reason_and_the_top_up_url(
        self, api: str, new_customer: NewCustomer
    ) -> None:
        customer = new_customer(credit=SMALL)
        ended = APIS[api](customer)
        assert ended.finish == CUT[api]
        assert ended.error is not None
        assert ended.error["top_up_url"] == f"{customer.base_url}/billing"
        assert "Top up" in str(ended.error["message"])
        assert Decimal(str(ended.error["available"])) < Decimal(str(ended.error["required"]))

    @api
    def test_charges_what_was_streamed_and_nothing_beyond_the_balance(
        self, api: str, new_customer: NewCustomer
    ) -> None:
        customer = new_customer(credit=SMALL)
        pieces = [piece for piece in APIS[api](customer).pieces if piece]
        [charge] = customer.settled(charges=1)
        assert isinstance(charge["detail"], dict)
        assert charge["detail"]["ending"] == "credit_exhausted"
        amount = -Decimal(str(charge["amount"]))
        assert len(pieces) * Decimal("0.0000006") <= amount <= Decimal(SMALL)
        assert amount >= Decimal(SMALL) * Decimal("0.85")  # nobody loses half of a balance to caution
        assert customer.balance()["balance"] == Decimal(SMALL) - amount

    def test_the_connection_is_good_for_the_next_call(self, new_customer: NewCustomer) -> None:
        customer = new_customer(credit=SMALL)
        body = {"model": "demo-chat", "messages": [{"role": "user", "content": QUESTION}]}
        answer = customer.http.post("/v1/chat/completions", json={**body, "stream": True})
        assert answer.text.endswith("data: [DONE]\n\n")
        assert customer.http.post("/v1/chat/completions", json=body).status_code == 402

    def test_the_rest_of_a_balance_can_still_be_spent(self, new_customer: NewCustomer) -> None:
        customer = new_customer(credit=SMALL)
        chat(customer)
        customer.settled(charges=1)
        answer = customer.http.post(
            "/v1/chat/completions",
            json={"model": "demo-chat", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 5},
        )
        assert answer.status_code == 200


class TestHold:
    def test_begins_small_grows_and_is_settled_for_the_real_cost(self, new_customer: NewCustomer) -> None:
        customer = new_customer(credit="1")
        body = {
            "model": "demo-chat",
            "messages": [{"role": "user", "content": QUESTION}],
            "max_tokens": LIMIT,
            "stream": True,
        }
        held = []
        with customer.http.stream("POST", "/v1/chat/completions", json=body) as answer:
            for number, _ in enumerate(line for line in answer.iter_lines() if "content" in line):
                if number % 1_000 == 0:
                    held.append(customer.balance()["held"])
        whole = LIMIT * Decimal("0.0000006")
        assert held == sorted(held)
        assert 0 < held[0] < whole * Decimal("0.6")
        assert held[-1] > held[0]
        [charge] = customer.settled(charges=1)
        assert isinstance(charge["detail"], dict)
        assert charge["detail"]["ending"] == "finished"
        assert charge["detail"]["provider_cost"] is not None

    def test_of_an_answer_that_is_not_streamed_covers_the_whole_limit(
        self, new_customer: NewCustomer
    ) -> None:
        customer = new_customer(credit=SMALL)
        body = {"model": "demo-chat", "messages": [{"role": "user", "content": "hi"}], "max_tokens": LIMIT}
        refused = customer.http.post("/v1/chat/completions", json=body)
        assert refused.status_code == 402
        assert "It would cover an output of" in refused.json()["error"]["message"]

    def test_too_small_for_a_first_portion_is_402(self, new_customer: NewCustomer) -> None:
        customer = new_customer(credit="0.0001")
        body = {"model": "demo-chat", "messages": [{"role": "user", "content": "hi"}], "max_tokens": LIMIT}
        refused = customer.http.post("/v1/chat/completions", json={**body, "stream": True})
        assert refused.status_code == 402
        assert customer.balance()["held"] == 0


class TestManyStreamsOfOneBalance:
    def test_never_spend_it_twice(self, new_customer: NewCustomer) -> None:
        customer = new_customer(credit="0.006")
        with ThreadPoolExecutor(STREAMS) as threads:
            ended = list(threads.map(lambda _: chat(customer, limit=3_000), range(STREAMS)))
        charges = customer.settled(charges=1)
        assert len(charges) >= sum(bool(one.pieces) for one in ended)
        balance = customer.balance()["balance"]
        assert 0 <= balance < Decimal("0.006")
        assert balance == sum(Decimal(str(entry["amount"])) for entry in customer.transactions())
        assert all(one.error is not None or one.finish == "length" for one in ended)
        assert any(one.error is not None for one in ended)
