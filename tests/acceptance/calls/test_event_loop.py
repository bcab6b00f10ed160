"""The event loop is everybody's: a fast stream leaves others their turn; `/metrics` shows delays."""

from __future__ import annotations

import httpx
import pytest

from tests.acceptance.calls.test_metrics import value
from tests.acceptance.customers import Customer, NewCustomer, detail_of, ending_of

WORDS = 12_000
QUESTION = f"write {WORDS} words"
STREAMS: dict[str, tuple[str, dict[str, object]]] = {
    "chat": (
        "/v1/chat/completions",
        {"messages": [{"role": "user", "content": QUESTION}], "max_tokens": WORDS},
    ),
    "messages": ("/v1/messages", {"messages": [{"role": "user", "content": QUESTION}], "max_tokens": WORDS}),
    "responses": ("/v1/responses", {"input": QUESTION, "max_output_tokens": WORDS}),
    "completions": ("/v1/completions", {"prompt": QUESTION, "max_tokens": WORDS}),
}
EVENTS_READ = 20
TOKENS_AHEAD = 500  # what a busy machine has on its way when the client leaves
OUTPUT_NANOS = 600


@pytest.fixture
def customer(new_customer: NewCustomer) -> Customer:
    return new_customer(credit="1")


@pytest.mark.parametrize("api", STREAMS)
def test_a_client_that_leaves_a_fast_stream_ends_it_and_pays_what_it_was_shown(
    api: str, customer: Customer
) -> None:
    path, body = STREAMS[api]
    with customer.http.stream("POST", path, json={"model": "demo-chat", "stream": True, **body}) as answer:
        lines = (line for line in answer.iter_lines() if line.startswith("data:"))
        for _ in range(EVENTS_READ):
            next(lines)
        with httpx.Client(base_url=customer.base_url) as another:
            assert another.get("/health/liveliness", timeout=5).status_code == 200
    [charge] = customer.settled(charges=1)
    assert ending_of(charge) == "cut_mid_stream"
    assert float(str(charge["amount"])) > -(EVENTS_READ + TOKENS_AHEAD) * OUTPUT_NANOS / 1e9
    assert detail_of(charge)["price"]["basis"] in ("provider_cost", "count")


def test_its_delay_is_measured_and_the_objects_of_the_start_are_never_walked(admin: httpx.Client) -> None:
    assert value(admin, "proxyllm_event_loop_delay_seconds_count") > 10
    assert value(admin, "proxyllm_event_loop_delay_max_seconds") > 0
    assert value(admin, "proxyllm_frozen_objects") > 300_000
