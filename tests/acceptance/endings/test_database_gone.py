"""Postgres goes away: new calls are refused, running ones go on, and are charged when it is back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal

import httpx
import pytest

from tests.acceptance.customers import Customer
from tests.deadline import eventually
from tests.postgres_server import PostgresServer

HELLO = [{"role": "user", "content": "hello there"}]
TOKENS = 9  # of demo-slow, one a second: longer than a lease of the strict gateway
SLOW = {"model": "demo-slow", "messages": HELLO, "max_tokens": TOKENS, "stream": True}
QUICK = {"model": "demo-chat", "messages": HELLO, "max_tokens": 5}
CHAT = "/v1/chat/completions"


@contextmanager
def away(server: PostgresServer) -> Iterator[None]:
    server.stop()
    try:
        yield
    finally:
        server.start()


def is_served(customer: Customer) -> bool:
    try:
        return customer.http.post(CHAT, json=QUICK).status_code == 200
    except httpx.TransportError:
        return False


class TestPostgresAway:
    def test_at_the_hold_nothing_is_served_and_nothing_is_lost(
        self, own_postgres: PostgresServer, strict_customer: Callable[..., Customer]
    ) -> None:
        customer = strict_customer(credit="1")
        assert is_served(customer)
        with away(own_postgres):
            answer = customer.http.post(CHAT, json=QUICK)
            assert answer.status_code == 503
            assert answer.json()["error"]["code"] in {"ledger_unavailable", "ledger_busy"}
            assert "retry-after" in answer.headers
        eventually(lambda: is_served(customer), timeout_s=60)
        assert len(customer.settled(charges=2)) == 2

    @pytest.mark.parametrize(("method", "path"), [("POST", CHAT), ("GET", "/stripe/balance")])
    def test_a_key_that_was_never_used_before_is_not_called_a_bad_one(
        self, method: str, path: str, own_postgres: PostgresServer, strict_customer: Callable[..., Customer]
    ) -> None:
        customer = strict_customer(credit="1")
        with away(own_postgres):
            answer = customer.http.request(method, path, json=QUICK)
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "ledger_unavailable"
        assert "retry-after" in answer.headers
        eventually(lambda: is_served(customer), timeout_s=60)
        stranger = {"Authorization": "Bearer sk-nobody"}
        assert customer.http.request(method, path, json=QUICK, headers=stranger).status_code == 401

    def test_from_the_first_chunk_beyond_the_lease_costs_what_the_call_cost(
        self, own_postgres: PostgresServer, strict_customer: Callable[..., Customer]
    ) -> None:
        customer = strict_customer(credit="1")
        with customer.http.stream("POST", CHAT, json=SLOW) as answer:
            lines = answer.iter_lines()
            next(lines)
            with away(own_postgres):
                *_, last = (line for line in lines if line)
        assert last == "data: [DONE]"
        eventually(lambda: customer.http.get("/stripe/balance").status_code == 200, timeout_s=60)
        [charge] = customer.settled(charges=1)
        assert isinstance(charge["detail"], dict)
        assert charge["detail"]["ending"] == "finished"
        tokens = charge["detail"]["tokens"]
        cost = tokens["prompt"] * Decimal("0.00000015") + TOKENS * Decimal("0.0000006")
        assert -Decimal(str(charge["amount"])) == cost
