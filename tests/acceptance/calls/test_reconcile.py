"""`proxyllm reconcile` against the running gateway: real calls, LiteLLM's spend logs, the local Stripe."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable

import psycopg
import pytest

from tests.acceptance.conftest import Running
from tests.acceptance.customers import Customer
from tests.acceptance.launch import PROGRAM
from tests.deadline import eventually

HAS_LOGS = """
SELECT count(*) FROM public."LiteLLM_SpendLogs" s JOIN billing."LiteLLM_StripeHoldTable" h
  ON h.key = s.metadata -> 'spend_logs_metadata' ->> 'billing_call_id'
JOIN billing."LiteLLM_StripeBalanceTable" b ON b.id = h.account_id
WHERE b.customer_id = %s AND s.spend > 0"""
ALTER = """
UPDATE public."LiteLLM_SpendLogs" s SET spend = spend + 0.00000001
FROM billing."LiteLLM_StripeHoldTable" h JOIN billing."LiteLLM_StripeBalanceTable" b ON b.id = h.account_id
WHERE h.key = s.metadata -> 'spend_logs_metadata' ->> 'billing_call_id' AND b.customer_id = %s AND s.spend > 0
  AND h.id = (SELECT max(h2.id) FROM billing."LiteLLM_StripeHoldTable" h2 WHERE h2.account_id = b.id)
RETURNING h.key"""
CALLS = """
SELECT h.key FROM billing."LiteLLM_StripeHoldTable" h
JOIN billing."LiteLLM_StripeBalanceTable" b ON b.id = h.account_id WHERE b.customer_id = %s"""


def reconcile(running: Running, *arguments: str) -> tuple[int, dict[str, object]]:
    """The command as an operator runs it; its exit code and JSON."""
    environment = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": running.database_url,
        "STRIPE_API_KEY": running.stripe_api_key,
        "STRIPE_API_BASE": running.stripe_api_base,
        "BILLING_RECONCILE_GRACE_S": "0",
    }
    command = [str(PROGRAM), "reconcile", "--json", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def about(document: dict[str, object], subjects: set[str]) -> list[dict[str, object]]:
    """The differences of these subjects: other tests of the session alter rows of their own."""
    books = document["books"]
    assert isinstance(books, list)
    return [one for book in books for one in book["differences"] if one["subject"] in subjects]


def call_ids(running: Running, customer: Customer) -> set[str]:
    with psycopg.connect(running.database_url.split("?")[0]) as connection:
        rows = connection.execute(CALLS, (customer.user_id,)).fetchall()
    return {row[0] for row in rows}


@pytest.fixture
def logged(running: Running, new_customer: Callable[..., Customer]) -> Customer:
    """A customer of several kinds of calls, all of them in LiteLLM's spend log by now."""
    customer = new_customer(credit="1")
    chat = customer.openai.chat.completions
    chat.create(model="demo-chat", messages=[{"role": "user", "content": "Hi"}])
    list(chat.create(model="demo-chat", messages=[{"role": "user", "content": "Hi"}], stream=True))
    customer.openai.embeddings.create(model="demo-embed", input="words to embed")
    customer.anthropic.messages.create(
        model="demo-chat", max_tokens=50, messages=[{"role": "user", "content": "Hi"}]
    )
    customer.settled(charges=4)
    with psycopg.connect(running.database_url.split("?")[0], autocommit=True) as connection:

        def all_logged() -> bool:
            row = connection.execute(HAS_LOGS, (customer.user_id,)).fetchone()
            return row is not None and row[0] == 4

        eventually(all_logged, timeout_s=90, every_s=1)
    return customer


def test_real_calls_agree_and_one_altered_row_fails_loudly(running: Running, logged: Customer) -> None:
    calls = call_ids(running, logged)
    _, document = reconcile(running)
    assert about(document, calls) == []
    with psycopg.connect(running.database_url.split("?")[0], autocommit=True) as connection:
        [altered] = connection.execute(ALTER, (logged.user_id,)).fetchone() or (None,)
    code, document = reconcile(running, "--book", "spend_logs")
    assert code == 1
    [found] = about(document, calls)
    assert (found["rule"], found["subject"], found["drift"]) == ("different", altered, "-0.00000001")
    assert found["customer"] == f"user_id:{logged.user_id}"
