"""Idempotency keys, as v1 of Stripe's API keeps them."""

from __future__ import annotations

import asyncio

import httpx
import pytest
import stripe

from tests.integration.devkit.stripe_sandbox.program import Shop

KEY = "Idempotency-Key"


async def create(http: httpx.AsyncClient, key: str, name: str = "Ada") -> httpx.Response:
    return await http.post("/v1/customers", data={"name": name}, headers={KEY: key})


async def named(http: httpx.AsyncClient, name: str) -> int:
    """How many of the newest customers have this name."""
    listed = (await http.get("/v1/customers?limit=100")).json()["data"]
    return sum(customer["name"] == name for customer in listed)


async def test_the_same_key_gives_the_same_answer_and_says_so(http: httpx.AsyncClient, shop: Shop) -> None:
    first, second = await create(http, "same", "Same"), await create(http, "same", "Same")
    assert first.content == second.content
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.headers["Original-Request"] == first.headers["Request-Id"]
    assert second.headers["Request-Id"] != first.headers["Request-Id"]
    await http.post("/sandbox/drain", json={})
    assert [event.type for event in shop.take_all()] == ["customer.created"]


async def test_the_event_names_request_and_key(http: httpx.AsyncClient, shop: Shop) -> None:
    response = await create(http, "named-in-event")
    (event,) = shop.take(1)
    assert event.request is not None
    assert event.request.id == response.headers["Request-Id"]
    assert event.request.idempotency_key == "named-in-event"


async def test_other_parameters_under_the_same_key_are_an_error(http: httpx.AsyncClient) -> None:
    await create(http, "other", "Ada")
    refused = await create(http, "other", "Grace")
    assert refused.status_code == 400
    assert refused.json()["error"]["type"] == "idempotency_error"
    other_path = await http.post("/v1/products", data={"name": "Ada"}, headers={KEY: "other"})
    assert other_path.json()["error"]["type"] == "idempotency_error"


async def test_bad_parameters_do_not_use_up_a_key(http: httpx.AsyncClient) -> None:
    refused = await http.post("/v1/customers", data={"colour": "red"}, headers={KEY: "again"})
    assert refused.status_code == 400
    assert (await create(http, "again")).status_code == 200


async def test_a_500_is_kept_and_given_again(http: httpx.AsyncClient) -> None:
    await http.put("/sandbox/settings", json={"fail_next_after_success": 1})
    first, second = await create(http, "broken", "Broken"), await create(http, "broken", "Broken")
    assert (first.status_code, second.status_code) == (500, 500)
    assert first.headers["Stripe-Should-Retry"] == "false"
    assert second.headers["Idempotent-Replayed"] == "true"
    assert await named(http, "Broken") == 1


async def test_a_429_is_not_kept(http: httpx.AsyncClient) -> None:
    await http.put("/sandbox/settings", json={"rate_limit_next": 1})
    first, second = await create(http, "limited"), await create(http, "limited")
    assert (first.status_code, second.status_code) == (429, 200)


async def test_a_second_request_while_the_first_runs_is_a_conflict(http: httpx.AsyncClient) -> None:
    await http.put("/sandbox/settings", json={"api_delay_ms": 300})
    answers = await asyncio.gather(*(create(http, "race", "Racer") for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
    conflict = next(answer for answer in answers if answer.status_code == 409).json()["error"]
    assert (conflict["type"], conflict["code"]) == ("idempotency_error", "idempotency_key_in_use")
    await http.put("/sandbox/settings", json={"api_delay_ms": 0})
    assert (await create(http, "race", "Racer")).headers["Idempotent-Replayed"] == "true"
    assert await named(http, "Racer") == 1


async def test_a_cut_connection_loses_the_answer_but_not_the_work(http: httpx.AsyncClient) -> None:
    await http.put("/sandbox/settings", json={"drop_next_after_success": 1})
    with pytest.raises(httpx.RemoteProtocolError):
        await create(http, "cut", "Cut")
    again = await create(http, "cut", "Cut")
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (200, "true")
    assert await named(http, "Cut") == 1


async def test_the_sdk_retries_over_a_cut_connection_by_itself(
    http: httpx.AsyncClient, sdk: stripe.StripeClient
) -> None:
    await http.put("/sandbox/settings", json={"drop_next_after_success": 1})
    customer = await sdk.v1.customers.create_async({"name": "Retried"}, {"max_network_retries": 2})
    assert customer.name == "Retried"
    assert await named(http, "Retried") == 1


async def test_keys_are_bounded_and_ignored_on_reads(http: httpx.AsyncClient) -> None:
    assert (await create(http, "k" * 256)).status_code == 400
    first = await http.get("/v1/customers?limit=1", headers={KEY: "read"})
    second = await http.get("/v1/customers?limit=2", headers={KEY: "read"})
    assert (first.status_code, second.status_code) == (200, 200)
