"""A realtime session in shadow mode: served without credit, priced, and nothing charged."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from tests.acceptance.conftest import Running
from tests.acceptance.customers import Customer
from tests.acceptance.realtime.conftest import Connect, connect
from tests.acceptance.shadow.test_shadow import report, untouched, written
from tests.deadline import eventually

__all__ = ["connect"]


def test_is_served_to_a_customer_without_credit_and_reported_as_refused(
    running: Running, connect: Connect, new_customer: Callable[..., Customer]
) -> None:
    customer = new_customer()
    session = connect(customer.key, "demo-realtime")
    assert session.ask("hello").response.status == "completed"
    assert session.ask("hello again").response.status == "completed"
    session.connection.close()
    written(running, customer, calls=1)
    [line] = report(running, customer)
    assert "insufficient_credits" in str(line)
    assert untouched(customer, Decimal(0))


def test_is_priced_for_a_customer_with_credit_and_not_charged(
    running: Running, connect: Connect, new_customer: Callable[..., Customer]
) -> None:
    customer = new_customer(credit="1")
    session = connect(customer.key, "demo-realtime")
    assert session.ask("hello").response.status == "completed"
    session.connection.close()
    written(running, customer, calls=1)
    eventually(lambda: bool(report(running, customer)))
    assert untouched(customer, Decimal(1))
