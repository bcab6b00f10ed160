"""What the database says of a customer: LiteLLM's spend logs, and our books."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import psycopg

from tests.acceptance.conftest import Running
from tests.acceptance.customers import Customer, nothing_held
from tests.deadline import eventually

SPENT = """
SELECT count(*), coalesce(sum(spend::text::numeric), 0) FROM public."LiteLLM_SpendLogs"
WHERE "user" = %s AND spend > 0"""
CHARGED = """
SELECT count(*), coalesce(-sum(t.amount), 0) FROM billing."LiteLLM_StripeTransactionTable" t
JOIN billing."LiteLLM_StripeBalanceTable" b ON b.id = t.account_id
WHERE b.customer_id = %s AND t.kind = 'charge'"""
LOCK = """
SELECT FROM billing."LiteLLM_StripeBalanceTable" WHERE customer_id = %s FOR UPDATE"""


def spent_by_litellms_logs(running: Running, customer: Customer) -> tuple[int, Decimal]:
    """How many calls LiteLLM's log has of the customer, and what they cost."""
    with psycopg.connect(running.database_url) as connection:
        count, spent = connection.execute(SPENT, (customer.user_id,)).fetchone() or (0, Decimal(0))
    return int(count), round(Decimal(spent), 9)


def charged(running: Running, customer: Customer) -> tuple[int, Decimal]:
    """How many charges our books have of the customer, and their sum."""
    with psycopg.connect(running.database_url) as connection:
        count, nanos = connection.execute(CHARGED, (customer.user_id,)).fetchone() or (0, 0)
    return int(count), Decimal(nanos) / 10**9


def agree_with_litellms_logs(running: Running, customer: Customer, calls: int) -> None:
    """LiteLLM writes its spend logs in batches, some time after the call."""
    nothing_held(customer)
    expected = (calls, customer.balance()["total_spent"])
    assert charged(running, customer) == expected
    eventually(lambda: spent_by_litellms_logs(running, customer) == expected, timeout_s=90)


@contextmanager
def locked_account(running: Running, customer: Customer) -> Iterator[None]:
    """Somebody else keeps the customer's row, so the ledger can change nothing there."""
    with psycopg.connect(running.database_url) as connection:
        connection.execute(LOCK, (customer.user_id,))
        yield
