"""Realtime sessions through the real gateway: what they cost, and who may have one."""

from __future__ import annotations

import base64
from collections.abc import Callable
from decimal import Decimal

import httpx
import psycopg
import pytest
from openai.types.realtime import ResponseDoneEvent
from websockets.exceptions import InvalidStatus

from tests.acceptance.conftest import Running
from tests.acceptance.customers import Customer, Transaction
from tests.acceptance.realtime.conftest import Connect
from tests.deadline import eventually

TEXT_IN, TEXT_OUT, AUDIO_IN = Decimal("0.0000006"), Decimal("0.0000024"), Decimal("0.00001")
SPEND = """
SELECT spend::text FROM public."LiteLLM_SpendLogs"
 WHERE metadata -> 'spend_logs_metadata' ->> 'billing_call_id' = %s
"""


def cost_of(answer: ResponseDoneEvent) -> Decimal:
    """By the demo model's prices and the provider's own usage."""
    usage = answer.response.usage
    assert usage is not None
    assert usage.input_token_details is not None
    text, audio = usage.input_token_details.text_tokens, usage.input_token_details.audio_tokens
    return (text or 0) * TEXT_IN + (audio or 0) * AUDIO_IN + (usage.output_tokens or 0) * TEXT_OUT


def amount_of(charge: Transaction) -> Decimal:
    return -Decimal(str(charge["amount"]))


def detail_of(charge: Transaction) -> dict[str, object]:
    detail = charge["detail"]
    assert isinstance(detail, dict)
    return detail


def logged_spend(running: Running, call_id: object) -> list[Decimal]:
    """What LiteLLM's spend log says of a call, once it does, to the nano: it is a float there."""
    rows: list[Decimal] = []

    def logged() -> bool:
        with psycopg.connect(running.database_url.split("?")[0]) as connection:
            found = connection.execute(SPEND, (call_id,)).fetchall()
            rows[:] = [round(Decimal(spend), 9) for (spend,) in found]
        return bool(rows)

    eventually(logged, timeout_s=60)
    return rows


class TestCost:
    def test_is_that_of_all_answers_and_charged_once(
        self, running: Running, connect: Connect, new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer(credit="1")
        session = connect(customer.key, "demo-realtime")
        cost = cost_of(session.ask("hello")) + cost_of(session.ask("and now in 200 words"))
        session.connection.close()
        [charge] = customer.settled(charges=1)
        assert amount_of(charge) == cost
        assert detail_of(charge)["ending"] == "finished"
        assert logged_spend(running, detail_of(charge)["call_id"]) == [cost]

    def test_counts_audio_by_its_own_price(
        self, connect: Connect, new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer(credit="1")
        session = connect(customer.key, "demo-realtime")
        session.connection.input_audio_buffer.append(audio=base64.b64encode(bytes(96_000)).decode())
        session.connection.input_audio_buffer.commit()
        answer = session.done()
        usage = answer.response.usage
        assert usage is not None
        assert usage.input_token_details is not None
        assert usage.input_token_details.audio_tokens == 20
        session.connection.close()
        [charge] = customer.settled(charges=1)
        assert amount_of(charge) == cost_of(answer)

    def test_a_session_without_an_answer_costs_nothing(
        self, connect: Connect, new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer(credit="1")
        session = connect(customer.key, "demo-realtime")
        session.until("session.created")
        assert customer.balance()["held"] > 0
        session.connection.close()
        eventually(lambda: customer.balance()["held"] == 0)
        assert customer.balance()["balance"] == 1

    @pytest.mark.parametrize("path", ["", "/v1", "/openai/v1"])
    def test_is_charged_on_every_alias_of_the_route(
        self, path: str, connect: Connect, new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer(credit="1")
        session = connect(customer.key, "demo-realtime", path)
        cost = cost_of(session.ask("hello"))
        session.connection.close()
        [charge] = customer.settled(charges=1)
        assert amount_of(charge) == cost


class TestHold:
    def test_grows_with_what_the_model_is_given_to_hear(
        self, connect: Connect, new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer(credit="1")
        session = connect(customer.key, "demo-realtime")
        session.until("session.created")
        before = customer.balance()["held"]
        minute = base64.b64encode(bytes(48_000 * 60)).decode()
        session.connection.input_audio_buffer.append(audio=minute)
        eventually(lambda: customer.balance()["held"] > before)

    def test_of_two_sessions_adds_up_and_a_third_finds_no_credit(
        self, connect: Connect, new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer(credit="0.35")
        for _ in range(2):
            connect(customer.key, "demo-realtime").until("session.created")
        error = connect(customer.key, "demo-realtime").error()
        assert error["code"] == "insufficient_credits"
        balance = customer.balance()
        assert balance["held"] > Decimal("0.2")
        assert balance["available"] >= 0


class TestWithoutCredit:
    def test_is_told_where_to_top_up_and_closed(
        self, connect: Connect, new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer()
        session = connect(customer.key, "demo-realtime")
        error = session.error()
        assert error["type"] == "insufficient_quota"
        assert error["code"] == "insufficient_credits"
        assert str(error["top_up_url"]).endswith("/billing")
        assert error["available"] == "0.00"
        assert session.close_code() == 1008
        assert customer.transactions("charge") == []


class TestRefusals:
    def test_an_unknown_key_gets_no_session(self, connect: Connect) -> None:
        with pytest.raises(InvalidStatus) as caught:
            connect("sk-nobody", "demo-realtime")
        assert caught.value.response.status_code == 403

    @pytest.mark.parametrize(
        ("model", "query", "code"),
        [
            ("no-such-model", {}, "model_not_priced"),
            ("demo-realtime", {"intent": "transcription"}, "route_not_billable"),
        ],
    )
    def test_what_cannot_be_priced_is_refused_with_its_reason(
        self,
        model: str,
        query: dict[str, str],
        code: str,
        connect: Connect,
        new_customer: Callable[..., Customer],
    ) -> None:
        customer = new_customer(credit="1")
        session = connect(customer.key, model, **query)
        assert session.error()["code"] == code
        assert session.close_code() == 1008
        assert customer.balance()["held"] == 0

    @pytest.mark.parametrize("path", ["/v1/responses", "/responses", "/openai/any", "/deepgram/v1/listen"])
    def test_other_websockets_are_refused_before_they_open(
        self, path: str, running: Running, new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer(credit="1")
        answer = handshake(running, path, customer.key)
        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "route_not_billable"

    @pytest.mark.parametrize("path", ["client_secrets", "transcription_sessions"])
    def test_credentials_for_sessions_that_we_would_not_see_are_refused(
        self, path: str, new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer(credit="1")
        answer = customer.http.post(f"/v1/realtime/{path}", json={"model": "demo-realtime"})
        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "route_not_billable"


class TestOperator:
    def test_is_neither_billed_nor_held_up(self, running: Running, connect: Connect) -> None:
        session = connect(running.master_key, "demo-realtime")
        assert session.ask("hello").response.status == "completed"


def handshake(running: Running, path: str, key: str) -> httpx.Response:
    """The answer to a request for a WebSocket."""
    headers = {
        "Authorization": f"Bearer {key}",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
    }
    return httpx.get(f"{running.base_url}{path}", headers=headers, params={"model": "demo-realtime"})
