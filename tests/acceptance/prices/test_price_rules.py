"""Price rules on the real gateway: who they are for, when they count, and that charges say so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from decimal import Decimal

import httpx
import pytest

from devkit.demo_upstream.app import PIECES_BEFORE_BREAK
from tests.acceptance.customers import Customer, NewCustomer, Transaction, detail_of, spent
from tests.deadline import eventually

MESSAGES = [{"role": "user", "content": "Say something about prices."}]
MakeRule = Callable[..., str]


@pytest.fixture
def rule(admin: httpx.Client) -> Iterator[MakeRule]:
    """Makes rules by the API, and ends them after the test."""
    made: list[str] = []

    def make(**fields: object) -> str:
        answer = admin.post("/stripe/prices", json={"reason": "test", **fields}).raise_for_status()
        made.append(answer.json()["id"])
        return made[-1]

    yield make
    for rule_id in made:
        admin.delete(f"/stripe/prices/{rule_id}").raise_for_status()


def chat(customer: Customer, model: str = "demo-chat", **fields: object) -> httpx.Response:
    body = {"model": model, "messages": MESSAGES, "max_tokens": 40, **fields}
    return customer.http.post("/v1/chat/completions", json=body).raise_for_status()


def recomputed(charge: Transaction) -> Decimal:
    """The charge as a customer would compute it, from what the transaction says and nothing else."""
    detail = detail_of(charge)
    rule, price = detail["rule"], detail["price"]
    times = round(Decimal(price["cost"]) * Decimal(rule["multiplier"]), 9)
    return max(Decimal(rule["floor"]), times + Decimal(rule["fee"]))


class TestACustomersRule:
    def test_makes_the_charge_and_explains_it(self, new_customer: NewCustomer, rule: MakeRule) -> None:
        customer, other = new_customer(credit="1"), new_customer(credit="1")
        rule_id = rule(customer_id=customer.user_id, multiplier="2.5", fee="0.001")
        answer = chat(customer)
        chat(other)
        [charge], [plain] = customer.settled(charges=1), other.settled(charges=1)
        detail = detail_of(charge)
        assert detail["rule"]["id"] == rule_id
        assert detail["rule"]["applies_to"] == {"customer_type": "user_id", "customer_id": customer.user_id}
        assert spent(charge) == recomputed(charge) == Decimal(detail["price"]["amount"])
        assert spent(charge) == Decimal("0.001") + round(
            Decimal("2.5") * Decimal(str(detail["provider_cost"])), 9
        )
        assert Decimal(answer.headers["x-billing-cost"]) == spent(charge)
        assert detail_of(plain)["rule"]["id"] == "default"

    def test_that_floors_is_the_least(self, new_customer: NewCustomer, rule: MakeRule) -> None:
        customer = new_customer(credit="1")
        rule(customer_id=customer.user_id, model="demo-*", floor="0.05")
        chat(customer)
        [charge] = customer.settled(charges=1)
        assert spent(charge) == recomputed(charge) == Decimal("0.05")

    def test_that_is_dearer_than_the_credit_refuses(self, new_customer: NewCustomer, rule: MakeRule) -> None:
        customer = new_customer(credit="0.01")
        rule(customer_id=customer.user_id, fee="0.02")
        body = {"model": "demo-chat", "messages": MESSAGES, "max_tokens": 5}
        refused = customer.http.post("/v1/chat/completions", json=body)
        assert refused.status_code == 402
        assert Decimal(refused.json()["error"]["required"]) > Decimal("0.02")
        assert customer.transactions("charge") == []


class TestAModelsRule:
    def test_that_is_free_needs_no_credit(self, new_customer: NewCustomer, rule: MakeRule) -> None:
        customer = new_customer()
        rule(customer_id=customer.user_id, model="demo-chat", free=True)
        assert chat(customer).json()["usage"]["total_tokens"] > 0
        assert customer.balance()["balance"] == 0
        body = {"model": "demo-large", "messages": MESSAGES, "max_tokens": 5}
        assert customer.http.post("/v1/chat/completions", json=body).status_code == 402

    def test_is_that_of_the_fallback_which_served(self, new_customer: NewCustomer, rule: MakeRule) -> None:
        customer = new_customer(credit="1")
        rule(customer_id=customer.user_id, model="demo-flaky", free=True)
        dear = rule(customer_id=customer.user_id, model="demo-large", multiplier="3")
        chat(customer, model="demo-flaky", fallbacks=["demo-large"], num_retries=0)
        [charge] = customer.settled(charges=1)
        assert detail_of(charge)["rule"]["id"] == dear
        assert spent(charge) == recomputed(charge) > 0

    def test_is_that_of_a_broken_stream_too(self, new_customer: NewCustomer, rule: MakeRule) -> None:
        customer = new_customer(credit="1")
        rule_id = rule(customer_id=customer.user_id, model="demo-broken", multiplier="4")
        body = {"model": "demo-broken", "messages": MESSAGES, "max_tokens": 200, "stream": True}
        with suppress(httpx.HTTPError):  # the connection may end with the stream
            customer.http.post("/v1/chat/completions", json=body)
        [charge] = customer.settled(charges=1)
        assert detail_of(charge)["rule"]["id"] == rule_id
        assert spent(charge) > 4 * PIECES_BEFORE_BREAK * Decimal("0.0000006")


class TestOthersRules:
    def test_a_teams_is_for_its_keys_alone(
        self, new_customer: NewCustomer, rule: MakeRule, admin: httpx.Client
    ) -> None:
        team_id = admin.post("/team/new", json={}).raise_for_status().json()["team_id"]
        rule_id = rule(team_id=team_id, multiplier="3")
        member, other = new_customer(credit="1", team_id=team_id), new_customer(credit="1")
        for customer in (member, other):
            chat(customer)
        [charge], [plain] = member.settled(charges=1), other.settled(charges=1)
        assert detail_of(charge)["rule"]["id"] == rule_id
        assert detail_of(charge)["rule"]["applies_to"] == {"team_id": team_id}
        assert spent(charge) == recomputed(charge) == 3 * spent(plain)

    def test_a_providers_is_for_the_models_that_it_serves(
        self, new_customer: NewCustomer, rule: MakeRule
    ) -> None:
        customer, other = new_customer(credit="1"), new_customer(credit="1")
        rule_id = rule(customer_id=customer.user_id, provider="openai", multiplier="4")
        rule(customer_id=other.user_id, provider="anthropic", multiplier="4")
        for one in (customer, other):
            chat(one)
        [charge], [plain] = customer.settled(charges=1), other.settled(charges=1)
        assert detail_of(charge)["rule"]["id"] == rule_id
        assert detail_of(plain)["rule"]["id"] == "default"
        assert spent(charge) == recomputed(charge) == 4 * spent(plain)


class TestAChange:
    def test_does_not_touch_a_call_that_runs(
        self, new_customer: NewCustomer, rule: MakeRule, admin: httpx.Client
    ) -> None:
        customer = new_customer(credit="1")
        before = rule(customer_id=customer.user_id, multiplier="2")
        body = {"model": "demo-slow", "messages": MESSAGES, "max_tokens": 4, "stream": True}
        with customer.http.stream("POST", "/v1/chat/completions", json=body) as answer:
            lines = answer.iter_lines()
            assert next(line for line in lines if line.startswith("data: "))
            admin.delete(f"/stripe/prices/{before}").raise_for_status()
            after = rule(customer_id=customer.user_id, multiplier="7")
            assert [line for line in lines if line][-1] == "data: [DONE]"
        chat(customer)
        newer, older = customer.settled(charges=2)
        assert [detail_of(charge)["rule"]["id"] for charge in (older, newer)] == [before, after]
        assert [spent(charge) == recomputed(charge) for charge in (older, newer)] == [True, True]

    def test_leaves_the_books_as_they_were(self, new_customer: NewCustomer, rule: MakeRule) -> None:
        customer = new_customer(credit="1")
        chat(customer)
        [before] = customer.settled(charges=1)
        rule(customer_id=customer.user_id, multiplier="9")
        eventually(lambda: customer.transactions("charge") == [before])
