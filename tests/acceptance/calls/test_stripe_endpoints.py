"""Our endpoints with LiteLLM's real keys: each customer sees its own, and nobody else's."""

from __future__ import annotations

import httpx
import pytest

from tests.acceptance.customers import HELLO, Customer, NewCustomer
from tests.deadline import eventually

READS = ["/stripe/balance", "/stripe/transactions"]
CHAT = {"model": "demo-chat", "messages": HELLO, "max_tokens": 5}


class TestKeys:
    @pytest.mark.parametrize("path", READS)
    def test_no_key_and_an_unknown_one_are_401_in_openais_shape(self, path: str, running_url: str) -> None:
        for headers in ({}, {"Authorization": "Bearer sk-not-a-key"}, {"Authorization": "Basic abc"}):
            answer = httpx.get(f"{running_url}{path}", headers=headers)
            assert answer.status_code == 401
            assert answer.json()["error"]["code"] == "invalid_api_key"

    def test_a_blocked_key_is_401(self, admin: httpx.Client, new_customer: NewCustomer) -> None:
        customer = new_customer(credit="1")
        assert customer.http.get("/stripe/balance").status_code == 200
        admin.post("/key/block", json={"key": customer.key}).raise_for_status()
        eventually(lambda: customer.http.get("/stripe/balance").status_code == 401)
        body = {"model": "demo-chat", "messages": [{"role": "user", "content": "hi"}]}
        assert customer.http.post("/v1/chat/completions", json=body).status_code == 401

    @pytest.mark.parametrize("key_fields", [{"key_type": "llm_api"}, {"max_budget": 0.0}], ids=str)
    def test_any_good_key_sees_its_balance(
        self, key_fields: dict[str, object], new_customer: NewCustomer
    ) -> None:
        customer = new_customer(credit="2.5", **key_fields)
        assert customer.balance()["balance"] == 2.5


class TestAKeyThatChanges:
    """The history is its customer's, whatever becomes of the key."""

    @pytest.fixture
    def paying(self, new_customer: NewCustomer) -> Customer:
        customer = new_customer(credit="2")
        customer.http.post("/v1/chat/completions", json=CHAT).raise_for_status()
        customer.settled(charges=1)
        return customer

    def history(self, url: str, key: str) -> object:
        headers = {"Authorization": f"Bearer {key}"}
        return httpx.get(f"{url}/stripe/transactions", headers=headers).raise_for_status().json()["data"]

    def test_deleted_leaves_it_to_the_next_key(self, paying: Customer, admin: httpx.Client) -> None:
        before = paying.transactions()
        admin.post("/key/delete", json={"keys": [paying.key]}).raise_for_status()
        eventually(lambda: paying.http.get("/stripe/balance").status_code == 401)
        made = admin.post("/key/generate", json={"user_id": paying.user_id, "models": []})
        assert self.history(paying.base_url, made.raise_for_status().json()["key"]) == before

    def test_given_to_another_shows_the_others(
        self, paying: Customer, admin: httpx.Client, new_customer: NewCustomer
    ) -> None:
        before, other = paying.transactions(), new_customer(credit="7")
        admin.post("/key/update", json={"key": paying.key, "user_id": other.user_id}).raise_for_status()
        eventually(lambda: self.history(paying.base_url, paying.key) == other.transactions())
        params = {"customer_id": paying.user_id}
        assert admin.get("/stripe/transactions", params=params).json()["data"] == before


class TestOthers:
    @pytest.mark.parametrize("path", READS)
    def test_a_customer_cannot_look_at_another_nor_learn_who_there_is(
        self, path: str, new_customer: NewCustomer
    ) -> None:
        rich, curious = new_customer(credit="5"), new_customer()
        answers = [
            curious.http.get(path, params={"customer_id": customer_id})
            for customer_id in (rich.user_id, "nobody-of-this-name")
        ]
        assert [answer.status_code for answer in answers] == [403, 403]
        assert answers[0].content == answers[1].content

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("GET", "/stripe/balances/all", None),
            ("POST", "/stripe/credits", {"customer_id": "me", "amount": "100", "reason": "please"}),
        ],
    )
    def test_what_is_the_operators_is_refused(
        self, method: str, path: str, body: object, new_customer: NewCustomer
    ) -> None:
        customer = new_customer()
        answer = customer.http.request(method, path, json=body)
        assert answer.status_code == 403
        assert customer.transactions() == []

    def test_the_operator_sees_all(self, admin: httpx.Client, new_customer: NewCustomer) -> None:
        customer = new_customer(credit="3")
        params = {"customer_id": customer.user_id}
        assert admin.get("/stripe/balance", params=params).json()["balance"] == "3.00"
        everyone = admin.get("/stripe/balances/all", params={"limit": 100}).json()["data"]
        assert customer.user_id in {row["customer_id"] for row in everyone}


class TestDocs:
    def test_our_endpoints_stand_in_litellms_openapi(self, running_url: str) -> None:
        paths = httpx.get(f"{running_url}/openapi.json", timeout=60).json()["paths"]
        assert {"/stripe/balance", "/stripe/topup", "/stripe/transactions", "/stripe/webhook"} <= set(paths)
        assert {"/stripe/balances/all", "/stripe/credits"} <= set(paths)
