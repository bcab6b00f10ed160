"""Twenty-five callers of one customer at once, on either kind of gateway."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

import httpx

from tests.acceptance.customers import Customer, NewCustomer, nothing_held
from tests.deadline import eventually

CALLERS = 25
CREDIT = Decimal(2)
ENTRIES_MAX = 100  # on a page: a credit, and up to three of each call


@dataclass(frozen=True)
class Gateway:
    """One that is served already; in strict mode no call takes a balance below zero."""

    is_strict: bool
    admin: httpx.Client
    new_customer: NewCustomer

    def add_model(self, stack: ExitStack, name: str, params: dict[str, object], **info: object) -> None:
        """By LiteLLM's API, until the end of `stack`."""
        model = {"model_name": name, "litellm_params": {"api_key": "none", **params}, "model_info": info}
        added = self.admin.post("/model/new", json=model).raise_for_status().json()
        stack.callback(self.admin.post, "/model/delete", json={"id": added["model_id"]})

    def add_rule(self, stack: ExitStack, customer: Customer, **fields: object) -> None:
        """A price rule for the customer, until the end of `stack`."""
        body = {"customer_id": customer.user_id, "reason": "test", **fields}
        rule_id = self.admin.post("/stripe/prices", json=body).raise_for_status().json()["id"]
        stack.callback(self.admin.delete, f"/stripe/prices/{rule_id}")


class Trick(NamedTuple):
    """A request that cost more than was held for it, or less than it used."""

    path: str
    body: dict[str, object]
    events_max: int | None = None  # of a stream, after which the client leaves

    def send(self, customer: Customer) -> int:
        """The status of the answer, which is read as far as the client stays."""
        with customer.http.stream("POST", self.path, json=self.body) as answer:
            for number, _ in enumerate(answer.iter_lines()):
                if number == self.events_max:
                    break
            return answer.status_code


def all_at_once(customer: Customer, send: Callable[[Customer], int]) -> list[int]:
    """The statuses that `send` returned, when all of the calls have ended."""
    with ThreadPoolExecutor(CALLERS) as threads:
        statuses = list(threads.map(lambda _: send(customer), range(CALLERS)))
    assert all(status < 500 for status in statuses)
    nothing_held(customer)
    return statuses


def balance_of(customer: Customer) -> Decimal:
    """The balance, once it is the sum of its entries: an estimate may just be replaced by the cost."""
    eventually(lambda: customer.balance()["balance"] == _sum_of_entries(customer))
    return customer.balance()["balance"]


def _sum_of_entries(customer: Customer) -> Decimal:
    answer = customer.http.get("/stripe/transactions", params={"limit": ENTRIES_MAX}).raise_for_status()
    entries = answer.json()["data"]
    assert len(entries) < ENTRIES_MAX
    return sum((Decimal(entry["amount"]) for entry in entries), Decimal(0))
