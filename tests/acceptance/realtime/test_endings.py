"""How a realtime session ends, and that no way to end it is free; which frames are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal

import httpx
import pytest
from openai.types.realtime import RealtimeFunctionToolParam, SessionUpdateEventParam

from tests.acceptance.conftest import Running
from tests.acceptance.customers import Customer, Transaction
from tests.acceptance.realtime.conftest import Connect, Session
from tests.acceptance.realtime.test_sessions import amount_of, cost_of, detail_of, logged_spend

SMALL_IN, SMALL_OUT = Decimal("0.00000015"), Decimal("0.0000006")  # of demo-broken
SHOWN = 5 * SMALL_OUT  # pieces, a token each
LONG = "tell me a story in 3000 words"


def basis_of(charge: Transaction) -> object:
    price = detail_of(charge)["price"]
    assert isinstance(price, dict)
    return price["basis"]


class TestCreditEnds:
    def test_the_session_says_where_to_top_up_closes_and_costs_what_was_answered(
        self, running: Running, connect: Connect, new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer(credit="0.15")
        session = connect(customer.key, "demo-realtime")
        cost = cost_of(session.ask(LONG))
        session.say(LONG * 100)  # more context than there is credit for
        error = session.error()
        assert error["type"] == "insufficient_quota"
        assert error["code"] == "insufficient_credits"
        assert str(error["top_up_url"]).endswith("/billing")
        assert Decimal(str(error["required"])) > Decimal(str(error["available"])) > 0
        assert session.close_code() == 1008
        [charge] = customer.settled(charges=1)
        assert amount_of(charge) == cost
        assert detail_of(charge)["ending"] == "credit_exhausted"
        assert logged_spend(running, detail_of(charge)["call_id"]) == [cost]
        assert customer.balance()["available"] > 0

    def test_an_answer_that_runs_is_cancelled_and_paid_for_as_far_as_it_came(
        self, connect: Connect, new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer(credit="0.025")
        session = connect(customer.key, "demo-slow")
        session.say("hello")
        session.connection.response.create()
        session.until("response.output_text.delta")
        session.say(LONG * 4000)
        assert session.error()["code"] == "insufficient_credits"
        answer = session.done()
        assert answer.response.status == "cancelled"
        assert session.close_code() == 1008
        [charge] = customer.settled(charges=1)
        assert answer.response.usage is not None
        assert answer.response.usage.input_tokens is not None
        assert answer.response.usage.output_tokens is not None
        assert amount_of(charge) == (
            answer.response.usage.input_tokens * Decimal("0.00000015")
            + answer.response.usage.output_tokens * Decimal("0.0000006")
        )
        assert customer.balance()["balance"] > 0


class TestTheClientLeaves:
    def test_in_the_middle_of_an_answer_which_it_pays_as_far_as_it_came(
        self, running: Running, connect: Connect, new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer(credit="1")
        session = connect(customer.key, "demo-slow")
        session.say("hello")
        session.connection.response.create()
        session.until("response.output_text.delta")
        session.connection.close()
        [charge] = customer.settled(charges=1)
        tokens = detail_of(charge)["tokens"]
        assert isinstance(tokens, dict)
        assert tokens["prompt"] > 0
        assert 1 <= tokens["completion"] <= 10
        assert logged_spend(running, detail_of(charge)["call_id"]) == [amount_of(charge)]

    def test_right_after_its_question(self, connect: Connect, new_customer: Callable[..., Customer]) -> None:
        customer = new_customer(credit="1")
        session = connect(customer.key, "demo-slow")
        session.until("session.created")
        session.connection.response.create()
        session.connection.close()
        [charge] = customer.settled(charges=1)
        assert amount_of(charge) > 0


class TestTheProviderLeaves:
    """demo-broken, which closes after five pieces of an answer without a word on what it used."""

    def break_off(self, session: Session) -> None:
        session.say("hello")
        session.connection.response.create()
        session.until("response.output_text.delta")
        assert session.error()["type"] == "server_error"
        assert session.close_code() == 1011

    def test_in_the_middle_of_an_answer_which_is_charged_as_far_as_it_was_shown_for_review(
        self, connect: Connect, new_customer: Callable[..., Customer], admin: httpx.Client
    ) -> None:
        customer = new_customer(credit="1")
        self.break_off(connect(customer.key, "demo-broken"))
        [charge] = customer.settled(charges=1)
        assert SHOWN < amount_of(charge) < SHOWN + 100 * SMALL_IN  # and its input, which is guessed
        assert detail_of(charge)["ending"] == "finished_unpriced"
        assert basis_of(charge) == "count"
        listed = admin.get("/stripe/review", params={"limit": 100}).raise_for_status().json()["data"]
        assert detail_of(charge)["call_id"] in {call["call_id"] for call in listed}

    def test_after_an_answer_whose_usage_is_known_which_is_charged_for_itself(
        self, running: Running, connect: Connect, new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer(credit="1")
        session = connect(customer.key, "demo-broken")
        session.say("hello")
        session.connection.response.create(response={"max_output_tokens": 3})
        usage = session.done().response.usage
        assert usage is not None
        self.break_off(session)
        estimate, charge = customer.settled(charges=2)
        known = (usage.input_tokens or 0) * SMALL_IN + (usage.output_tokens or 0) * SMALL_OUT
        assert amount_of(charge) == known
        assert logged_spend(running, detail_of(charge)["call_id"]) == [known]
        assert SHOWN < amount_of(estimate) < SHOWN + 200 * SMALL_IN
        assert basis_of(estimate) == "count"


FUNCTION: RealtimeFunctionToolParam = {"type": "function", "name": "look", "parameters": {"type": "object"}}
REFUSED: dict[str, SessionUpdateEventParam | dict[str, object]] = {
    "transcription": {
        "type": "session.update",
        "session": {"type": "realtime", "audio": {"input": {"transcription": {"model": "whisper-1"}}}},
    },
    "transcription in the older version": {
        "type": "session.update",
        "session": {"input_audio_transcription": {"model": "whisper-1"}},
    },
    "a session of transcription": {"type": "session.update", "session": {"type": "transcription"}},
    "a tool of MCP": {
        "type": "response.create",
        "response": {"tools": [{"type": "mcp", "server_label": "x", "server_url": "https://example.com"}]},
    },
    "a stored prompt": {"type": "response.create", "response": {"prompt": {"id": "pmpt_1"}}},
    "another model": {"type": "response.create", "response": {"model": "demo-large"}},
    "an answer longer than was priced": {
        "type": "response.create",
        "response": {"max_output_tokens": 100_000},
    },
    "an unknown event": {"type": "transcription_session.update", "session": {}},
}


class TestRefusedFrames:
    @pytest.mark.parametrize("what", REFUSED)
    def test_are_answered_with_their_reason_and_the_session_goes_on(
        self, what: str, connect: Connect, new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer(credit="1")
        session = connect(customer.key, "demo-realtime")
        session.until("session.created")
        send(session, {**REFUSED[what], "event_id": "mine"})
        error = session.error()
        assert error["event_id"] == "mine"
        assert error["message"]
        assert session.ask("hello").response.status == "completed"

    @pytest.mark.parametrize("text", ["no json", "[1]", '{"no": "type"}', '{"type": 3}'])
    def test_nonsense_is_answered_too(
        self, text: str, connect: Connect, new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer(credit="1")
        session = connect(customer.key, "demo-realtime")
        session.connection.send_raw(text)
        session.error()
        assert session.ask("hello").response.status == "completed"

    def test_a_key_that_stands_twice_is_answered_and_the_session_goes_on(
        self, connect: Connect, new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer(credit="1")
        session = connect(customer.key, "demo-realtime")
        session.connection.send_raw(
            '{"type": "response.create", "type": "session.update", "session": {"type": "realtime"}}'
        )
        assert "twice" in str(session.error()["message"])
        assert session.ask("hello").response.status == "completed"

    def test_tools_of_the_client_may_be_used(
        self, connect: Connect, new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer(credit="1")
        session = connect(customer.key, "demo-realtime")
        session.connection.session.update(session={"type": "realtime", "tools": [FUNCTION]})
        session.until("session.updated")


def send(session: Session, event: dict[str, object]) -> None:
    """Sends what the SDK's types do not allow."""
    session.connection.send_raw(json.dumps(event))
