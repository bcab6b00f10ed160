"""Twenty-five callers of one customer try to be served for more than there is; the balance is what counts.

A trick may be refused (4xx) or served and paid for: each of them once took a balance far below zero.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import NamedTuple

import pytest

from tests.acceptance.customers import Customer, nothing_held, spent

CALLERS = 25
CREDIT = Decimal(2)
_LONG = "Seven wise owls read it. " * 160  # some 1,000 tokens
_TURNS = [{"role": "user", "content": "a"}] * 190
_ASSISTANTS = [{"role": "assistant", "content": "a"}] * 190
_TOOL = {
    "type": "function",
    "function": {"name": "look", "description": _LONG, "parameters": {"type": "object"}},
}


class Trick(NamedTuple):
    """A request that cost more than was held for it."""

    path: str
    body: dict[str, object]
    events_max: int | None = None  # of a stream, after which the client leaves


def _chat(messages: list[dict[str, str]], **fields: object) -> Trick:
    body = {"model": "demo-large", "messages": messages, "max_tokens": 5, **fields}
    return Trick("/v1/chat/completions", body)


_ALTERNATES = {
    "ensure_alternating_roles": True,
    "assistant_continue_message": {"role": "assistant", "content": _LONG},
    "user_continue_message": {"role": "user", "content": _LONG},
}
_QUESTION = [{"role": "user", "content": "please write 4000 words"}]
TRICKS = {
    "turns between users": _chat(_TURNS, **_ALTERNATES),
    "turns between assistants": _chat(_ASSISTANTS, **_ALTERNATES),
    "turns in messages": Trick(
        "/v1/messages", {"model": "demo-large", "messages": _TURNS, "max_tokens": 5, **_ALTERNATES}
    ),
    "tools for many": _chat(_TURNS, tools=[_TOOL] * 20),
    "several answers": _chat(_QUESTION, max_tokens=2_000, n=3),
    "another group's rule": Trick(
        "/v1beta/models/demo-gemini:generateContent",
        {
            "contents": [{"role": "user", "parts": [{"text": _LONG * 50}]}],
            "generationConfig": {"maxOutputTokens": 50},
            "metadata": {"model_group": "demo-unpriced"},
            "litellm_metadata": {"model_group": "demo-unpriced"},
        },
    ),
    "streams that are left": Trick(
        "/v1/chat/completions",
        {"model": "demo-large", "messages": _QUESTION, "max_tokens": 2_000, "stream": True},
        events_max=20,
    ),
}


def _try(customer: Customer, trick: Trick) -> int:
    """The status of the answer, which is read as far as the client stays."""
    with customer.http.stream("POST", trick.path, json=trick.body) as answer:
        for number, _ in enumerate(answer.iter_lines()):
            if number == trick.events_max:
                break
        return answer.status_code


def _balance_after(customer: Customer, trick: Trick) -> Decimal:
    with ThreadPoolExecutor(CALLERS) as threads:
        statuses = set(threads.map(lambda _: _try(customer, trick), range(CALLERS)))
    assert all(status < 500 for status in statuses)
    nothing_held(customer)
    balance = customer.balance()["balance"]
    assert balance == sum(Decimal(str(entry["amount"])) for entry in customer.transactions())
    return balance


@pytest.mark.parametrize("trick", TRICKS.values(), ids=TRICKS)
class TestHostileBalance:
    def test_strict_never_falls_below_zero(
        self, trick: Trick, strict_customer: Callable[..., Customer]
    ) -> None:
        assert 0 <= _balance_after(strict_customer(credit=str(CREDIT)), trick) <= CREDIT

    def test_falls_below_zero_by_one_call_at_most(
        self, trick: Trick, new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer(credit=str(CREDIT))
        balance = _balance_after(customer, trick)
        dearest = max((spent(charge) for charge in customer.transactions("charge")), default=Decimal(0))
        assert -dearest <= balance <= CREDIT
