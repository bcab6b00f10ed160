"""A prepaid call over a real tailnet to an Ollama that nothing else reaches."""

from __future__ import annotations

import socket
from collections.abc import Callable
from decimal import Decimal

import httpx
import pytest

from tests.acceptance.customers import Customer
from tests.deadline import eventually
from tests.tailnet.conftest import Home
from tests.tailnet.control import HUGO
from tests.tailnet.gateway import CLOUD, INPUT_PRICE, OUTPUT_PRICE, Running
from tests.tailnet.ollama import PROMPT_TOKENS, words_for

MESSAGES = [{"role": "user", "content": "hello"}]
OLLAMA_PORT = 11434
pytestmark = pytest.mark.timeout(600)


def price_of(output_tokens: int) -> Decimal:
    return PROMPT_TOKENS * Decimal(INPUT_PRICE) + output_tokens * Decimal(OUTPUT_PRICE)


class TestHugo:
    def test_is_in_no_network_but_the_tailnet(self, running: Running, home: Home) -> None:
        assert running.readiness()["tailnet"] == "connected"
        with running.host.entered():
            socket.create_connection((CLOUD, OLLAMA_PORT), timeout=5).close()  # this way others are reached
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((home.host.address, OLLAMA_PORT), timeout=5)
            with pytest.raises(OSError, match=r"unreachable|timed out"):
                socket.create_connection((HUGO, OLLAMA_PORT), timeout=2)

    def test_answers_and_is_charged(self, running: Running, new_customer: Callable[..., Customer]) -> None:
        customer = new_customer("1.00")
        body = {"model": "hugo-llama", "messages": MESSAGES, "max_tokens": 50}
        answer = customer.http.post("/v1/chat/completions", json=body)
        assert answer.status_code == 200, answer.text
        words = words_for("127.0.0.1")  # tailscaled at home hands it to the loopback
        assert answer.json()["choices"][0]["message"]["content"] == "".join(words)
        [charge] = customer.settled(charges=1)
        assert Decimal(str(charge["amount"])) == -price_of(len(words))

    def test_streams_and_is_charged(self, running: Running, new_customer: Callable[..., Customer]) -> None:
        customer = new_customer("1.00")
        body = {"model": "hugo-llama", "messages": MESSAGES, "max_tokens": 50, "stream": True}
        with customer.http.stream("POST", "/v1/chat/completions", json=body) as answer:
            pieces = [line for line in answer.iter_lines() if '"content"' in line]
        words = words_for("127.0.0.1")
        assert len(pieces) >= len(words)
        [charge] = customer.settled(charges=1)
        assert Decimal(str(charge["amount"])) == -price_of(len(words))


class TestTheRest:
    def test_goes_direct(self, running: Running, new_customer: Callable[..., Customer]) -> None:
        customer = new_customer("1.00")
        body = {"model": "cloud-llama", "messages": MESSAGES, "max_tokens": 50}
        answer = customer.http.post("/v1/chat/completions", json=body).raise_for_status().json()
        assert answer["choices"][0]["message"]["content"].endswith(running.host.address)

    def test_stripe_is_reached_and_a_top_up_arrives(
        self, running: Running, new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer()
        session = customer.http.post("/stripe/topup", json={"amount": "5.00"}).raise_for_status().json()
        pay = f"{running.stripe_api_base}/sandbox/checkout/sessions/{session['checkout_session_id']}/pay"
        with running.host.entered():
            httpx.post(pay, json={"card": "4242424242424242"}).raise_for_status()
        eventually(lambda: customer.balance()["balance"] == 5)
        body = {"model": "hugo-llama", "messages": MESSAGES, "max_tokens": 50}
        customer.http.post("/v1/chat/completions", json=body).raise_for_status()
        customer.settled(charges=1)
        assert customer.balance()["balance"] == 5 - price_of(len(words_for("127.0.0.1")))
