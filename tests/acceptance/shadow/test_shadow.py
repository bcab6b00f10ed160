"""Shadow mode on the real gateway: all is served, nothing is charged, the report knows what would be."""

from __future__ import annotations

import json
import subprocess
from decimal import Decimal

import httpx
import psycopg
import pytest

from tests.acceptance.conftest import Running
from tests.acceptance.customers import Customer, NewCustomer
from tests.acceptance.launch import PROGRAM
from tests.deadline import eventually

MESSAGES = [{"role": "user", "content": "Say something about shadows."}]
CHAT = {"model": "demo-chat", "messages": MESSAGES, "max_tokens": 40}
Line = dict[str, object]


def chat(customer: Customer, **fields: object) -> httpx.Response:
    return customer.http.post("/v1/chat/completions", json={**CHAT, **fields})


def report(running: Running, customer: Customer) -> list[Line]:
    """The report's lines of a customer, as the command prints them."""
    command = [str(PROGRAM), "shadow-report", "--json"]
    environment = {"DATABASE_URL": running.database_url}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    lines: list[Line] = json.loads(ended.stdout)["lines"]
    return [line for line in lines if line["customer_id"] == customer.user_id]


def written(running: Running, customer: Customer, calls: int) -> None:
    """Waits until so many calls of the customer have ended, in the database."""
    query = (
        'SELECT count(*) FROM billing."LiteLLM_StripeShadowCallTable"'
        " WHERE customer_id = %s AND ended_at IS NOT NULL"
    )
    with psycopg.connect(running.database_url, autocommit=True) as connection:
        eventually(lambda: connection.execute(query, (customer.user_id,)).fetchone() == (calls,))


def untouched(customer: Customer, balance: Decimal) -> bool:
    now = customer.balance()
    return (
        now["balance"] == now["available"] == balance
        and not now["held"]
        and not customer.transactions("charge")
    )


class TestItShows:
    @pytest.mark.parametrize("path", ["/health/readiness", "/stripe/balance", "/v1/models", "/nothing"])
    def test_on_every_response(self, new_customer: NewCustomer, path: str) -> None:
        assert new_customer().http.get(path).headers["x-billing-mode"] == "shadow"

    def test_in_the_log_of_the_gateway(self, running: Running) -> None:
        logs = [path.read_text("utf-8", "replace") for path in running.home.rglob("*.log")]
        assert any("BILLING_MODE=shadow" in log for log in logs)


class TestACallWithCredit:
    def test_is_served_and_its_charge_is_only_written_down(
        self, running: Running, new_customer: NewCustomer, admin: httpx.Client
    ) -> None:
        customer = new_customer(credit="10")
        rule = {"customer_id": customer.user_id, "multiplier": "3", "reason": "test"}
        admin.post("/stripe/prices", json=rule).raise_for_status()
        answer = chat(customer)
        assert answer.status_code == 200
        assert answer.headers["x-billing-call-id"].startswith("call_")
        written(running, customer, calls=1)
        [line] = report(running, customer)
        assert (line["calls"], line["would_be_refused"], line["model"]) == (1, 0, "demo-chat")
        charged, cost = Decimal(str(line["would_be_charged"])), Decimal(str(line["provider_cost"]))
        assert charged == round(3 * cost, 9) > 0
        assert Decimal(answer.headers["x-billing-cost"]) == charged
        assert untouched(customer, Decimal(10))

    def test_is_priced_by_the_configuration_file(
        self, running: Running, new_customer: NewCustomer, admin: httpx.Client
    ) -> None:
        customer = new_customer(credit="10")
        body = {"model": "demo-embed", "input": "one text that is long enough to cost something"}
        customer.http.post("/v1/embeddings", json=body).raise_for_status()
        written(running, customer, calls=1)
        [line] = report(running, customer)
        cost = Decimal(str(line["provider_cost"]))
        assert Decimal(str(line["would_be_charged"])) == round(Decimal("2.5") * cost, 9) > 0
        listed = admin.get("/stripe/prices").raise_for_status().json()["data"]
        assert listed[0]["id"] == "config:house"
        ended = admin.delete("/stripe/prices/config:house")
        assert ended.status_code == 409

    def test_that_streams_is_written_down(self, running: Running, new_customer: NewCustomer) -> None:
        customer = new_customer(credit="10")
        assert chat(customer, stream=True).text.rstrip().endswith("data: [DONE]")
        written(running, customer, calls=1)
        [line] = report(running, customer)
        assert Decimal(str(line["would_be_charged"])) > 0
        assert untouched(customer, Decimal(10))

    def test_agrees_with_litellms_spend_log(self, running: Running, new_customer: NewCustomer) -> None:
        customer = new_customer(credit="10")
        for _ in range(3):
            assert chat(customer).status_code == 200
        written(running, customer, calls=3)

        def agrees() -> bool:
            [line] = report(running, customer)
            return Decimal(str(line["logged_cost"])) > 0 and Decimal(str(line["difference"])) == 0

        eventually(agrees, timeout_s=90, every_s=2)


class TestACallThatWouldBeRefused:
    def test_for_want_of_credit_is_served(self, running: Running, new_customer: NewCustomer) -> None:
        customer = new_customer()
        assert [chat(customer).status_code for _ in range(2)] == [200, 200]
        written(running, customer, calls=2)
        [line] = report(running, customer)
        assert line["refusals"] == {"insufficient_credits": 2}
        assert Decimal(str(line["would_be_charged"])) == 0
        assert Decimal(str(line["charged_if_not_refused"])) > 0
        assert untouched(customer, Decimal(0))

    def test_for_its_body_is_served(self, running: Running, new_customer: NewCustomer) -> None:
        customer = new_customer(credit="1")
        assert chat(customer, num_retries=50).status_code == 200
        written(running, customer, calls=1)
        [line] = report(running, customer)
        assert line["refusals"] == {"invalid_request": 1}

    def test_for_its_route_goes_to_litellm(self, running: Running, new_customer: NewCustomer) -> None:
        customer = new_customer(credit="1")
        answer = customer.http.get("/v1/assistants")
        assert "cannot be billed" not in answer.text
        written(running, customer, calls=1)
        [line] = report(running, customer)
        assert line["refusals"] == {"route_not_billable": 1}

    def test_for_credit_that_shadow_charges_have_used_up(
        self, running: Running, new_customer: NewCustomer
    ) -> None:
        """As in enforcing mode the charges count, though no balance moves."""
        customer = new_customer(credit="0.0001")
        calls = 8
        for number in range(calls):
            assert chat(customer, max_tokens=60).status_code == 200
            written(running, customer, calls=number + 1)
        [line] = report(running, customer)
        refusals = line["refusals"]
        assert isinstance(refusals, dict)
        assert 0 < refusals["insufficient_credits"] < calls
        assert 0 < Decimal(str(line["would_be_charged"])) <= Decimal("0.0001")
        assert untouched(customer, Decimal("0.0001"))


class TestTheTable:
    def test_is_for_people(self, running: Running, new_customer: NewCustomer) -> None:
        customer = new_customer()
        chat(customer)
        written(running, customer, calls=1)
        environment = {"DATABASE_URL": running.database_url}
        ended = subprocess.run(
            [str(PROGRAM), "shadow-report"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        head, *lines = ended.stdout.splitlines()
        assert head.split()[:3] == ["customer", "model", "calls"]
        [line] = [line for line in lines if line.startswith(customer.user_id)]
        assert "insufficient_credits 1" in line

    def test_of_a_wrong_time_is_one_line(self, running: Running) -> None:
        environment = {"DATABASE_URL": running.database_url}
        ended = subprocess.run(
            [str(PROGRAM), "shadow-report", "--since", "yesterday"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ended.returncode == 1
        assert ended.stderr.count("\n") == 1
