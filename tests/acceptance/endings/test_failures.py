"""Calls that fail, by the provider's fault, the client's or the gateway's: what each costs, and its name."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from decimal import Decimal

import httpx
import psycopg
import pytest

from devkit.demo_upstream.app import PIECES_BEFORE_BREAK
from tests.acceptance.conftest import Running
from tests.acceptance.customers import HELLO, Customer, NewCustomer, detail_of, ending_of, nothing_held, spent
from tests.deadline import eventually

Body = dict[str, object]
HoldOf = Callable[[httpx.Response], tuple[str, str, int]]
Stop = Callable[[Customer, str], tuple[str, int]]

INPUT_COST = Decimal("0.00000195")  # of HELLO, as LiteLLM counts it: the longest question here
INPUT_ESTIMATE = Decimal("0.0000015")  # the same by our own count
OUTPUT_COST = Decimal("0.0000006")  # a token
AHEAD = 5  # tokens that may be on their way when a client leaves, on a busy machine
PATHS = {
    "chat": "/v1/chat/completions",
    "completions": "/v1/completions",
    "messages": "/v1/messages",
    "responses": "/v1/responses",
}
SIGNS_OF_OUTPUT = ('"delta":"', '"content":"', '"text":" ', '"text": "')
api = pytest.mark.parametrize("api", PATHS)


def body(model: str, api: str = "chat", **fields: object) -> Body:
    questions: dict[str, Body] = {
        "completions": {"prompt": "hello there", "max_tokens": 40},
        "responses": {"input": "hello there", "max_output_tokens": 40},
    }
    return {"model": model, **questions.get(api, {"messages": HELLO, "max_tokens": 40}), **fields}


def new_question() -> list[Body]:
    """demo-flaky fails the first time that it is asked something."""
    return [{"role": "user", "content": f"what is {uuid.uuid4().hex}?"}]


def cut(customer: Customer, api: str) -> tuple[str, int]:
    """A stream that its client leaves with its second piece; the call's id, and how many pieces were read."""
    with customer.http.stream("POST", PATHS[api], json=body("demo-slow", api, stream=True)) as answer:
        lines = answer.iter_lines()  # kept: dropping it would close the stream
        pieces = [next(line for line in lines if any(sign in line for sign in SIGNS_OF_OUTPUT)) for _ in "12"]
    return answer.headers["x-billing-call-id"], len(pieces)


def broken(customer: Customer, api: str) -> tuple[str, int]:
    """A stream that its provider breaks off; the call's id, and how many pieces came before."""
    answer = customer.http.post(PATHS[api], json=body("demo-broken", api, stream=True))
    return answer.headers["x-billing-call-id"], PIECES_BEFORE_BREAK


@pytest.fixture
def hold_of(running: Running) -> HoldOf:
    """Status, ending and charge (nanos) of the hold of a call, once it has ended."""

    def read(answer: httpx.Response) -> tuple[str, str, int]:
        query = 'SELECT status, ending, charged FROM billing."LiteLLM_StripeHoldTable" WHERE key = %s'
        key = answer.headers["x-billing-call-id"]
        with psycopg.connect(running.database_url.split("?")[0], autocommit=True) as connection:

            def row() -> tuple[str, str, int]:
                found: tuple[str, str, int] | None = connection.execute(query, (key,)).fetchone()
                assert found is not None
                return found

            eventually(lambda: row()[0] != "open")
            return row()

    return read


@pytest.fixture(scope="module")
def guardrails(running: Running) -> dict[str, str]:
    """LiteLLM's own content filter, before and after the call, for those who ask for it by name."""
    headers = {"Authorization": f"Bearer {running.master_key}"}
    names = {mode: f"no-zebra-{mode}-{uuid.uuid4().hex[:6]}" for mode in ("pre_call", "post_call")}
    for mode, name in names.items():
        words = [{"keyword": "zebra", "action": "BLOCK"}]
        params = {"guardrail": "litellm_content_filter", "mode": mode, "blocked_words": words}
        guardrail = {"guardrail_name": name, "litellm_params": params}
        made = httpx.post(
            f"{running.base_url}/guardrails", json={"guardrail": guardrail}, headers=headers, timeout=30
        )
        made.raise_for_status()
    return names


class TestProvider:
    @pytest.mark.parametrize("stream", [False, True])
    def test_that_fails_before_the_first_byte_costs_nothing(
        self, stream: bool, new_customer: NewCustomer, hold_of: HoldOf
    ) -> None:
        customer = new_customer(credit="1")
        request = body("demo-flaky", stream=stream, num_retries=0, messages=new_question())
        answer = customer.http.post(PATHS["chat"], json=request)
        assert answer.status_code == 500
        assert hold_of(answer) == ("released", "failed", 0)

    @api
    def test_that_fails_after_the_first_byte_costs_what_came(
        self, api: str, new_customer: NewCustomer
    ) -> None:
        customer = new_customer(credit="1")
        _, pieces = broken(customer, api)
        [charge] = customer.settled(charges=1)
        assert ending_of(charge) == "broken_mid_stream"
        assert pieces * OUTPUT_COST < spent(charge) <= INPUT_COST + pieces * OUTPUT_COST

    def test_that_answers_the_second_try_is_paid_once(self, new_customer: NewCustomer) -> None:
        customer = new_customer(credit="1")
        request = body("demo-flaky", messages=new_question())
        customer.http.post(PATHS["chat"], json=request).raise_for_status()
        [charge] = customer.settled(charges=1)
        assert ending_of(charge) == "finished"

    def test_that_another_stands_in_for_is_not_paid(self, new_customer: NewCustomer) -> None:
        customer = new_customer(credit="1")
        request = body("demo-broken", num_retries=0, fallbacks=["demo-large"])
        answer = customer.http.post(PATHS["chat"], json=request).raise_for_status()
        [charge] = customer.settled(charges=1)
        assert detail_of(charge)["provider_model"] == "openai/demo-large"
        usage = answer.json()["usage"]
        cost = usage["prompt_tokens"] * Decimal("0.00001") + usage["completion_tokens"] * Decimal("0.00003")
        assert spent(charge) == cost


class TestTimeout:
    @pytest.mark.parametrize("field", ["timeout", "request_timeout"])
    def test_that_the_client_chose_costs_the_input_of_each_attempt(
        self, field: str, new_customer: NewCustomer
    ) -> None:
        customer = new_customer(credit="1")
        request = {**body("demo-slow", num_retries=1), field: 0.3}
        answer = customer.http.post(PATHS["chat"], json=request)
        assert answer.status_code == 408
        [charge] = customer.settled(charges=1)
        assert ending_of(charge) == "timed_out"
        assert spent(charge) == 2 * INPUT_COST

    def test_by_header_is_the_clients_choice_too(self, new_customer: NewCustomer) -> None:
        customer = new_customer(credit="1")
        headers = {"x-litellm-timeout": "0.3"}
        request = body("demo-slow", num_retries=0)
        customer.http.post(PATHS["chat"], json=request, headers=headers)
        [charge] = customer.settled(charges=1)
        assert ending_of(charge) == "timed_out"

    def test_of_a_stream_costs_the_input(self, new_customer: NewCustomer) -> None:
        customer = new_customer(credit="1")
        customer.http.post(PATHS["chat"], json=body("demo-slow", stream=True, timeout=0.3))
        [charge] = customer.settled(charges=1)
        assert ending_of(charge) == "timed_out"
        assert spent(charge) == INPUT_ESTIMATE


class TestGateway:
    @pytest.mark.parametrize("mode", ["pre_call", "post_call"])
    def test_whose_guardrail_refuses_question_or_answer_charges_nothing(
        self, mode: str, guardrails: dict[str, str], new_customer: NewCustomer, hold_of: HoldOf
    ) -> None:
        customer = new_customer(credit="1")
        zebra = [{"role": "user", "content": "a zebra"}]
        request = body("demo-chat", messages=zebra, guardrails=[guardrails[mode]])
        answer = customer.http.post(PATHS["chat"], json=request)
        assert answer.status_code == 400
        if mode == "post_call":  # before the call it refuses before billing is asked, or its hold is released
            assert hold_of(answer) == ("released", "rejected", 0)
        nothing_held(customer)
        assert customer.balance()["balance"] == 1

    def test_whose_guardrail_stops_a_stream_charges_what_went_out(
        self, guardrails: dict[str, str], new_customer: NewCustomer
    ) -> None:
        customer = new_customer(credit="1")
        late = [{"role": "user", "content": "the quick brown fox jumps over the lazy dog and sees a zebra"}]
        request = body("demo-chat", messages=late, guardrails=[guardrails["post_call"]], stream=True)
        lines: list[str] = []
        with (
            pytest.raises(httpx.RemoteProtocolError),
            customer.http.stream("POST", PATHS["chat"], json=request) as answer,
        ):
            lines.extend(answer.iter_lines())
        pieces = sum('"content":"' in line for line in lines)
        assert pieces > 1
        [charge] = customer.settled(charges=1)
        assert ending_of(charge) == "broken_mid_stream"
        assert spent(charge) >= pieces // 2 * Decimal("0.0000006")

    def test_whose_rate_limit_says_no_holds_nothing(self, new_customer: NewCustomer) -> None:
        customer = new_customer(credit="1", rpm_limit=1)
        statuses = [customer.http.post(PATHS["chat"], json=body("demo-chat")).status_code for _ in range(3)]
        assert statuses == [200, 429, 429]
        assert len(customer.settled(charges=1)) == 1


class TestClientThatLeaves:
    @api
    def test_in_the_middle_pays_what_was_streamed(self, api: str, new_customer: NewCustomer) -> None:
        customer = new_customer(credit="1")
        _, pieces = cut(customer, api)
        [charge] = customer.settled(charges=1)
        assert ending_of(charge) == "cut_mid_stream"
        assert OUTPUT_COST < spent(charge) <= INPUT_COST + (pieces + AHEAD) * OUTPUT_COST

    def test_after_the_last_byte_pays_for_a_finished_call(self, new_customer: NewCustomer) -> None:
        customer = new_customer(credit="1")
        with customer.http.stream("POST", PATHS["chat"], json=body("demo-chat", stream=True)) as answer:
            for line in answer.iter_lines():
                if line == "data: [DONE]":
                    break
        [charge] = customer.settled(charges=1)
        assert ending_of(charge) == "finished"

    def test_before_an_answer_that_is_not_streamed_pays_for_it(self, new_customer: NewCustomer) -> None:
        """LiteLLM goes on with it, and the provider bills it."""
        customer = new_customer(credit="1")
        timeout = httpx.Timeout(5, read=0.2)
        with pytest.raises(httpx.ReadTimeout):
            customer.http.post(PATHS["chat"], json=body("demo-slow"), timeout=timeout)
        [charge] = customer.settled(charges=1)
        assert ending_of(charge) == "finished"


class TestStreamsThatDoNotEnd:
    """The demo models report usage in their last event, which such a stream does not reach."""

    @api
    @pytest.mark.parametrize(
        ("end", "ending"), [(cut, "cut_mid_stream"), (broken, "broken_mid_stream")], ids=["cut", "broken"]
    )
    def test_cost_our_count_of_what_was_sent_and_shown(
        self,
        end: Callable[[Customer, str], tuple[str, int]],
        ending: str,
        api: str,
        new_customer: NewCustomer,
    ) -> None:
        customer = new_customer(credit="1")
        _, pieces = end(customer, api)
        [charge] = customer.settled(charges=1)
        assert (ending_of(charge), detail_of(charge)["price"]["basis"]) == (ending, "count")
        assert pieces * OUTPUT_COST < spent(charge) <= INPUT_ESTIMATE + (pieces + AHEAD) * OUTPUT_COST


class TestStreamedCompletions:
    @pytest.mark.parametrize("options", [None, {"include_usage": True}, {"include_usage": False}], ids=str)
    def test_cost_what_the_provider_counted(
        self, options: dict[str, bool] | None, new_customer: NewCustomer
    ) -> None:
        customer = new_customer(credit="1")
        asked: Body = {} if options is None else {"stream_options": options}
        request = body("demo-chat", "completions", stream=True, **asked)
        customer.http.post(PATHS["completions"], json=request).raise_for_status()
        [charge] = customer.settled(charges=1)
        assert spent(charge) == 2 * Decimal("0.00000015") + 40 * Decimal("0.0000006")


class TestBodiesThatAreNoRequest:
    @pytest.mark.parametrize("path", [*PATHS.values(), "/v1/embeddings", "/key/generate"])
    @pytest.mark.parametrize("content", ["[]", "null", "NaN", '"x"', " 1"])
    def test_are_400(self, content: str, path: str, new_customer: NewCustomer) -> None:
        customer = new_customer()
        headers = {"content-type": "application/json"}
        answer = customer.http.post(path, content=content, headers=headers)
        assert answer.status_code == 400
        assert "JSON object" in answer.text

    @api
    def test_with_numbers_that_are_none_are_400(self, api: str, new_customer: NewCustomer) -> None:
        customer = new_customer(credit="1")
        headers = {"content-type": "application/json"}
        request = {**body("demo-chat", api), "temperature": float("nan")}
        content = json.dumps(request)  # Python writes NaN, and reads it
        answer = customer.http.post(PATHS[api], content=content, headers=headers)
        assert answer.status_code == 400
        assert "JSON" in answer.text
        assert customer.balance()["held"] == 0
