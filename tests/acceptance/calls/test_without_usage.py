"""A provider that does not say what an answer used: no customer gets it for nothing, and it is listed."""

from __future__ import annotations

from decimal import Decimal

import httpx
import pytest

from tests.acceptance.customers import HELLO, NewCustomer, ending_of, spent

CHAT: dict[str, object] = {"messages": HELLO}


@pytest.mark.parametrize(
    ("path", "asked"),
    [("/v1/chat/completions", CHAT), ("/v1/messages", CHAT), ("/v1/completions", {"prompt": "hello there"})],
    ids=["chat", "messages", "completions"],
)
def test_an_answer_without_usage_costs_its_hold_and_is_listed(
    path: str, asked: dict[str, object], admin: httpx.Client, new_customer: NewCustomer
) -> None:
    customer = new_customer(credit="1")
    answer = customer.http.post(path, json={"model": "demo-no-usage", "max_tokens": 40, **asked})
    assert answer.status_code == 200
    [charge] = customer.settled(charges=1)
    assert ending_of(charge) == "finished_unpriced"
    assert spent(charge) > 40 * Decimal("0.0000006")
    listed = admin.get("/stripe/review").raise_for_status().json()["data"]
    assert customer.user_id in [call["customer_id"] for call in listed]
