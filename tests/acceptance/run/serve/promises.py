"""What every deployment must do, wherever it runs: classes that the tests of each place import."""

from __future__ import annotations

import socket
import threading
from decimal import Decimal

import httpx
import openai
import psycopg
import pytest
from openai.types.chat import ChatCompletionUserMessageParam

from tests.acceptance.customers import Customer, NewCustomer
from tests.acceptance.run.serve.deployment import Deployment
from tests.deadline import eventually

MESSAGES: list[ChatCompletionUserMessageParam] = [{"role": "user", "content": "Say hello."}]
IDLE_STOP_S = 2.0


class Stream:
    """A streamed call that is read in the background."""

    def __init__(self, customer: Customer, words: int) -> None:
        self.pieces: list[str] = []
        self.finish_reason: str | None = None
        self.error: Exception | None = None
        self._words = words
        self._customer = customer
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            for chunk in self._customer.openai.chat.completions.create(
                model="ollama/llama-slow",
                messages=MESSAGES,
                max_tokens=self._words,
                stream=True,
            ):
                for choice in chunk.choices:
                    self.pieces.append(choice.delta.content or "")
                    self.finish_reason = choice.finish_reason or self.finish_reason
        except (openai.OpenAIError, httpx.HTTPError) as error:
            self.error = error

    def finished(self) -> bool:
        """Whether the provider's own end has arrived."""
        return self.finish_reason is not None

    def until_it_runs(self) -> None:
        eventually(lambda: len(self.pieces) >= 3 or self.error is not None)
        assert self.error is None

    def until_it_ends(self, within_s: float) -> None:
        self._thread.join(within_s)
        assert not self._thread.is_alive()


def _hold_statuses(deployment: Deployment) -> list[str]:
    with psycopg.connect(deployment.around.database_url) as connection:
        rows = connection.execute('SELECT status::text FROM billing."LiteLLM_StripeHoldTable"').fetchall()
    return [str(status) for (status,) in rows]


class TestServing:
    def test_a_call_that_was_paid_through_stripe_is_charged_to_the_last_digit(
        self, running: Deployment, new_customer: NewCustomer
    ) -> None:
        customer = new_customer()
        with pytest.raises(openai.APIStatusError) as refused:
            customer.openai.chat.completions.create(model="llama3.2", messages=MESSAGES)
        assert refused.value.status_code == 402

        topup = customer.http.post("/stripe/topup", json={"amount": "10.00"}).raise_for_status().json()
        session = f"{running.around.stripe_api_base}/sandbox/checkout/sessions/{topup['checkout_session_id']}"
        httpx.post(f"{session}/pay", json={"card": "4242424242424242"}, timeout=30).raise_for_status()
        eventually(lambda: customer.balance()["available"] == Decimal("10.00"))
        answer = customer.openai.chat.completions.create(model="llama3.2", messages=MESSAGES)

        assert str(answer.choices[0].message.content).startswith("The llama says hello")
        customer.settled(1)
        cost = 11 * Decimal("0.0000001") + 7 * Decimal("0.0000003")  # proxy_server_config.yaml
        assert customer.balance()["balance"] == Decimal("10.00") - cost

    def test_any_other_model_of_the_node_has_the_wildcards_price(
        self, running: Deployment, new_customer: NewCustomer
    ) -> None:
        customer = new_customer(credit="1.00")
        customer.openai.chat.completions.create(model="ollama/qwen3", messages=MESSAGES)

        customer.settled(1)
        cost = 11 * Decimal("0.000001") + 7 * Decimal("0.000003")
        assert customer.balance()["balance"] == Decimal("1.00") - cost

    def test_models_whose_keys_are_not_set_are_not_listed(
        self, running: Deployment, new_customer: NewCustomer
    ) -> None:
        listed = {model.id for model in new_customer().openai.models.list()}

        assert "llama3.2" in listed
        assert not {name for name in listed if name.startswith(("openai/", "anthropic/", "gemini/"))}
        assert "model openai/*: omitted: OPENAI_API_KEY not set" in running.said()

    @pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
    def test_it_is_reached_by_both_kinds_of_address(self, running: Deployment, address: str) -> None:
        host = f"[{address}]" if ":" in address else address
        url = f"http://{host}:{running.around.gateway_port}/health/liveliness"
        assert httpx.get(url, timeout=10).status_code == 200

    def test_its_readiness_needs_no_key_and_says_nothing_of_a_tailnet(self, running: Deployment) -> None:
        answer = httpx.get(f"{running.base_url}/health/readiness", timeout=10)

        assert answer.status_code == 200
        assert "tailnet" not in answer.json()

    def test_the_health_check_of_the_image_finds_it_ready(self, running: Deployment) -> None:
        assert running.run("python", "-m", "gateway.start.health") == 0


class TestStopping:
    def test_a_running_stream_is_finished_and_charged_while_nobody_new_is_let_in(
        self, running: Deployment, new_customer: NewCustomer
    ) -> None:
        customer = new_customer(credit="5.00")
        stream = Stream(customer, words=40)  # 8 s
        stream.until_it_runs()

        running.terminate()
        eventually(lambda: _refuses(running.around.gateway_port), 5)
        assert not stream.finished()
        stream.until_it_ends(30)
        running.until_stopped(20)

        assert stream.error is None
        assert stream.finished()
        assert "".join(stream.pieces).split() == [str(number) for number in range(40)]
        assert "open" not in _hold_statuses(running)
        running.start()
        [charge] = customer.settled(1)
        assert Decimal(str(charge["amount"])) == -(11 * Decimal("0.000001") + 40 * Decimal("0.000003"))

    def test_a_stream_beyond_the_time_to_drain_is_cut_and_its_hold_resolved(
        self, deployment: Deployment, new_customer: NewCustomer, running: Deployment
    ) -> None:
        customer = new_customer(credit="5.00")
        running.stop()
        running.start(BILLING_DRAIN_S="2")
        stream = Stream(customer, words=500)  # 100 s
        stream.until_it_runs()

        took_s = running.stop()

        stream.until_it_ends(10)
        assert 2 <= took_s <= 12
        assert "open" not in _hold_statuses(running)

    def test_an_idle_gateway_stops_within_two_seconds(self, running: Deployment) -> None:
        took_s = running.stop()
        assert took_s <= IDLE_STOP_S

    def test_a_gateway_that_is_still_starting_stops_within_two_seconds(self, deployment: Deployment) -> None:
        if deployment.process is not None:
            deployment.stop()
        process = deployment.place.start(["proxyllm", "serve"], deployment.environment, deployment.log)
        deployment.process = process
        said = len(deployment.said())
        eventually(lambda: "starting the gateway" in deployment.said()[said:])

        took_s = deployment.stop()
        assert took_s <= IDLE_STOP_S


def _refuses(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return False
    except OSError:
        return True


__all__ = ["TestServing", "TestStopping"]
