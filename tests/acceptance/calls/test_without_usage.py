"""A provider that does not say what an answer used: no customer gets it for nothing, and it is listed."""

from __future__ import annotations

from decimal import Decimal

import httpx
import pytest

from tests.acceptance.customers import HELLO, NewCustomer, detail_of, ending_of, spent

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


TOOLS: list[dict[str, object]] = [
    {
        "type": "function",
        "function": {
            "name": f"tool_{number}",
            "description": "Looks for the words that it is given in all of the files. " * 8,
            "parameters": {"type": "object", "properties": {"words": {"type": "string"}}},
        },
    }
    for number in range(60)
]
SYSTEM = "Answer in plain words, and say where you know it from. " * 600
LONG: dict[str, tuple[str, dict[str, object]]] = {
    "chat with tools": (
        "/v1/chat/completions",
        {"messages": HELLO, "tools": TOOLS, "tool_choice": "none"},
    ),
    "messages with system": ("/v1/messages", {"messages": HELLO, "system": SYSTEM}),
    "messages with tools": (
        "/v1/messages",
        {
            "messages": HELLO,
            "tools": [
                {**one["function"], "input_schema": one["function"]["parameters"], "parameters": None}
                for one in TOOLS
                if isinstance(one["function"], dict)
            ],
        },
    ),
}
INPUT_TOKENS = 5_000  # of each at least
INPUT, OUTPUT = Decimal("0.00000015"), Decimal("0.0000006")


@pytest.mark.parametrize("asked", LONG)
def test_a_stream_without_usage_costs_all_that_was_sent_and_is_listed(
    asked: str, admin: httpx.Client, new_customer: NewCustomer
) -> None:
    path, fields = LONG[asked]
    customer = new_customer(credit="1")
    request = {"model": "demo-no-usage", "max_tokens": 40, "stream": True, **fields}
    customer.http.post(path, json=request).raise_for_status()
    [charge] = customer.settled(charges=1)
    assert ending_of(charge) == "finished_unpriced"
    assert INPUT_TOKENS * INPUT < spent(charge) < 4 * INPUT_TOKENS * INPUT
    assert detail_of(charge)["usage_reported"] is False
    assert detail_of(charge)["provider_cost"] is None
    listed = admin.get("/stripe/review").raise_for_status().json()["data"]
    assert customer.user_id in [call["customer_id"] for call in listed]


@pytest.mark.parametrize("asked", LONG)
def test_a_stream_that_is_cut_before_its_usage_costs_all_that_was_sent(
    asked: str, new_customer: NewCustomer
) -> None:
    path, fields = LONG[asked]
    customer = new_customer(credit="1")
    request = {"model": "demo-slow", "max_tokens": 40, "stream": True, **fields}
    with customer.http.stream("POST", path, json=request) as answer:
        lines = answer.iter_lines()  # kept: dropping it would close the stream
        assert next(line for line in lines if "delta" in line)
    [charge] = customer.settled(charges=1)
    assert ending_of(charge) == "cut_mid_stream"
    assert INPUT_TOKENS * INPUT < spent(charge) < 4 * INPUT_TOKENS * INPUT
