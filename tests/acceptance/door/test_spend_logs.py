"""What is refused has reached no log of LiteLLM's, and one bad row keeps no other from being written."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import psycopg
import pytest

from tests.acceptance.conftest import Running
from tests.acceptance.customers import HELLO, NewCustomer
from tests.deadline import eventually

Body = dict[str, object]
BY_CALL_ID = """
    SELECT count(*) FROM public."LiteLLM_SpendLogs"
    WHERE metadata -> 'spend_logs_metadata' ->> 'billing_call_id' = %s
"""
OF_USER = 'SELECT count(*) FROM public."LiteLLM_SpendLogs" WHERE "user" = %s'
# Values that a column of LiteLLM's spend logs cannot hold, under names that LiteLLM takes them from.
UNWRITABLE: list[Body] = [
    {"call_type": True},
    {"call_type": ["x"]},
    {"user": "a\x00b"},
    {"metadata": {"requester\x00": "x"}},
    {"start_time": "yesterday"},
    {"litellm_call_id": {"a": 1}},
    {"cache_hit": {}},
    {"api_base": 5},
    {"tags": ["a\x00"]},
]


@pytest.fixture(scope="module")
def database(running: Running) -> Iterator[psycopg.Connection]:
    with psycopg.connect(running.database_url, autocommit=True) as connection:
        yield connection


def count(database: psycopg.Connection, query: str, value: str) -> int:
    row = database.execute(query, (value,)).fetchone()
    assert row is not None
    return int(row[0])


def test_a_customers_bad_values_are_refused_and_all_calls_are_logged_on(
    door_customers: NewCustomer, admin: httpx.Client, database: psycopg.Connection
) -> None:
    customer = door_customers(credit="1")
    for fields in UNWRITABLE:
        for path, body in (
            ("/v1/responses", {"input": "hi", "max_output_tokens": 5}),
            ("/v1/chat/completions", {"messages": HELLO, "max_tokens": 5}),
        ):
            answer = customer.http.post(path, json={"model": "demo-chat", **body, **fields})
            assert answer.status_code in (200, 400), (fields, answer.text)
    # An admin is not restricted: the row of this failure cannot be written.
    admin.post("/v1/responses", json={"model": "demo-unknown", "input": "hi", "call_type": True})
    answer = customer.http.post(
        "/v1/chat/completions", json={"model": "demo-chat", "messages": HELLO, "max_tokens": 5}
    )
    call_id = answer.headers["x-billing-call-id"]
    eventually(lambda: count(database, BY_CALL_ID, call_id) == 1, timeout_s=90, every_s=0.5)


def test_what_the_door_refuses_has_no_row(door_customers: NewCustomer, database: psycopg.Connection) -> None:
    customer = door_customers(credit="1")
    refused = customer.http.post(
        "/v1/responses", json={"model": "demo-chat", "input": "hi", "call_type": True}
    )
    assert refused.status_code == 400
    served = customer.http.post(
        "/v1/chat/completions", json={"model": "demo-chat", "messages": HELLO, "max_tokens": 5}
    )
    call_id = served.headers["x-billing-call-id"]
    eventually(lambda: count(database, BY_CALL_ID, call_id) == 1, timeout_s=90, every_s=0.5)
    assert count(database, OF_USER, customer.user_id) == 1
