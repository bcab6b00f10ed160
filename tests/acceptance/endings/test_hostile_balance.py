"""Twenty-five callers of one customer try to be served for more than there is; the balance is what counts.

A trick may be refused (4xx) or served and paid for: each of them once took a balance far below zero.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.acceptance.customers import spent
from tests.acceptance.endings.hostile import CREDIT, Gateway, Trick, all_at_once, balance_of

_LONG = "Seven wise owls read it. " * 160  # some 1,000 tokens
_TURNS = [{"role": "user", "content": "a"}] * 190
_ASSISTANTS = [{"role": "assistant", "content": "a"}] * 190
_TOOL = {
    "type": "function",
    "function": {"name": "look", "description": _LONG, "parameters": {"type": "object"}},
}


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
    "streams that are left": Trick(
        "/v1/chat/completions",
        {"model": "demo-large", "messages": _QUESTION, "max_tokens": 2_000, "stream": True},
        events_max=20,
    ),
}


@pytest.mark.parametrize("trick", TRICKS.values(), ids=TRICKS)
def test_never_falls_below_zero_and_not_strictly_by_one_call_at_most(trick: Trick, gateway: Gateway) -> None:
    customer = gateway.new_customer(credit=str(CREDIT))
    all_at_once(customer, trick.send)
    highest = max((spent(charge) for charge in customer.transactions("charge")), default=Decimal(0))
    least = Decimal(0) if gateway.is_strict else -highest
    assert least <= balance_of(customer) <= CREDIT
