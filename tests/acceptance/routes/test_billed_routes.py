"""Each billed route, through the real gateway: held for first, charged what LiteLLM's spend log says."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from billing.proxy.routes import Route
from tests.acceptance.customers import Customer
from tests.acceptance.routes.conftest import Books
from tests.acceptance.routes.requests_of import BILLED, path_of, request_for
from tests.deadline import eventually

NANOS = 10**9
IDS = [f"{route.method} {route.path}" for route in BILLED]
Calls = dict[Route, str]


@pytest.fixture(scope="module")
def called(rich_customer: Customer) -> Calls:
    """Every billed route called once, and the id that billing gave the call."""
    calls = {}
    for route in BILLED:
        answer = request_for(route).send(rich_customer.http, path_of(route))
        assert answer.status_code == 200, (route, answer.text)
        calls[route] = answer.headers["x-billing-call-id"]
    rich_customer.settled(charges=len(calls))
    return calls


@pytest.mark.parametrize("route", BILLED, ids=IDS)
class TestEachBilledRoute:
    def test_is_refused_without_credit_before_the_provider_hears_of_it(
        self, route: Route, new_customer: Callable[..., Customer], provider_requests: Callable[[], int]
    ) -> None:
        before = provider_requests()
        answer = request_for(route).send(new_customer().http, path_of(route))
        assert answer.status_code == 402, answer.text
        assert answer.headers["content-type"] == "application/json"
        assert provider_requests() == before

    def test_holds_at_least_what_it_charges(self, route: Route, called: Calls, books: Books) -> None:
        charge_nanos = books.charge_nanos(called[route])
        assert charge_nanos is not None
        assert 0 < charge_nanos <= books.hold_nanos(called[route])

    def test_charges_what_litellms_spend_log_says(self, route: Route, called: Calls, books: Books) -> None:
        call_id = called[route]
        eventually(lambda: books.logged_spend(call_id) is not None, timeout_s=90, every_s=0.5)
        spend = books.logged_spend(call_id)
        assert spend is not None
        assert books.charge_nanos(call_id) == round(spend * NANOS)
