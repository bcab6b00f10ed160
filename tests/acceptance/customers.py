"""Customers of the running gateway: a LiteLLM user with a virtual key of its own, and credit if wanted."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import anthropic
import httpx
import openai
import pytest

from tests.deadline import eventually

if TYPE_CHECKING:
    from tests.acceptance.conftest import Running  # which takes its fixtures from here

Transaction = dict[str, object]
HELLO = [{"role": "user", "content": "hello there, count to forty"}]


@dataclass(frozen=True)
class Customer:
    """One customer, and the ways it talks to the gateway."""

    user_id: str
    key: str
    base_url: str
    http: httpx.Client
    openai: openai.OpenAI
    anthropic: anthropic.Anthropic

    def balance(self) -> dict[str, Decimal]:
        body = self.http.get("/stripe/balance").raise_for_status().json()
        names = ("balance", "held", "available", "total_topups", "total_spent")
        return {name: Decimal(body[name]) for name in names}

    def transactions(self, kind: str | None = None) -> list[Transaction]:
        params = {"type": kind} if kind else {}
        body = self.http.get("/stripe/transactions", params=params).raise_for_status().json()
        data: list[Transaction] = body["data"]
        return data

    def settled(self, charges: int) -> list[Transaction]:
        """The customer's charges, newest first, once there are so many and nothing is held any more."""
        eventually(lambda: len(self.transactions("charge")) >= charges and self.balance()["held"] == 0)
        return self.transactions("charge")


NewCustomer = Callable[..., Customer]


def detail_of(charge: Transaction) -> dict[str, Any]:
    """What a transaction says of its call."""
    detail = charge["detail"]
    assert isinstance(detail, dict)
    return detail


def ending_of(charge: Transaction) -> object:
    """The name of how the call ended."""
    return detail_of(charge)["ending"]


def spent(charge: Transaction) -> Decimal:
    """What a charge took, in major units."""
    return -Decimal(str(charge["amount"]))


def nothing_held(customer: Customer) -> None:
    """Waits until all of the customer's calls have ended."""
    eventually(lambda: customer.balance()["held"] == 0)


@pytest.fixture
def admin(running: Running) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {running.master_key}"}
    with httpx.Client(base_url=running.base_url, headers=headers, timeout=30) as client:
        yield client


@contextmanager
def making_customers(running: Running, admin: httpx.Client) -> Iterator[NewCustomer]:
    """Makes a customer with `credit` in major units; further keywords go to LiteLLM's /key/generate."""
    with ExitStack() as clients:

        def make(credit: str | None = None, **key_fields: object) -> Customer:
            user_id = f"user-{uuid.uuid4().hex[:12]}"
            admin.post("/user/new", json={"user_id": user_id, "auto_create_key": False}).raise_for_status()
            body = {"user_id": user_id, "models": [], **key_fields}
            key = admin.post("/key/generate", json=body).raise_for_status().json()["key"]
            if credit is not None:
                grant = {"customer_id": user_id, "amount": credit, "reason": "test"}
                admin.post("/stripe/credits", json=grant).raise_for_status()
            return clients.enter_context(_customer(user_id, key, running.base_url))

        yield make


@pytest.fixture
def new_customer(running: Running, admin: httpx.Client) -> Iterator[NewCustomer]:
    """See `making_customers`."""
    with making_customers(running, admin) as make:
        yield make


@pytest.fixture
def operators_key(running: Running, admin: httpx.Client) -> Iterator[Callable[[float], httpx.Client]]:
    """Makes keys of a proxy admin with a budget of LiteLLM's, which billing neither holds nor charges for."""
    clients: list[httpx.Client] = []

    def make(max_budget: float) -> httpx.Client:
        user = {"user_id": f"operator-{uuid.uuid4().hex[:8]}", "user_role": "proxy_admin"}
        admin.post("/user/new", json={**user, "auto_create_key": False}).raise_for_status()
        request = {"user_id": user["user_id"], "max_budget": max_budget}
        key = admin.post("/key/generate", json=request).raise_for_status().json()["key"]
        headers = {"Authorization": f"Bearer {key}"}
        clients.append(httpx.Client(base_url=running.base_url, headers=headers, timeout=60))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@contextmanager
def _customer(user_id: str, key: str, base_url: str) -> Iterator[Customer]:
    headers = {"Authorization": f"Bearer {key}"}
    with (
        httpx.Client(base_url=base_url, headers=headers, timeout=60) as client,
        openai.OpenAI(api_key=key, base_url=f"{base_url}/v1", max_retries=0) as openai_client,
        anthropic.Anthropic(api_key=key, base_url=base_url, max_retries=0) as anthropic_client,
    ):
        yield Customer(user_id, key, base_url, client, openai_client, anthropic_client)


@pytest.fixture
def running_url(running: Running) -> str:
    return running.base_url
