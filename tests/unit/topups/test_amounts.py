"""Top-ups are whole minor units between the operator's limits."""

from __future__ import annotations

import pytest

from billing.errors import InvalidAmount
from billing.money import parse_amount
from billing.settings import Settings
from billing.topups.amounts import topup_minor


@pytest.mark.parametrize(
    ("currency", "amount", "expected"),
    [
        ("usd", "1.00", 100),
        ("usd", "19.99", 1999),
        ("usd", "10000.00", 1_000_000),
        ("jpy", "500", 500),
        ("kwd", "1.230", 1230),
        ("isk", "12", 1200),
    ],
)
def test_an_amount_becomes_minor_units(currency: str, amount: str, expected: int) -> None:
    assert topup_minor(Settings(billing_currency=currency), parse_amount(amount)) == expected


@pytest.mark.parametrize(
    ("currency", "amount"),
    [
        ("usd", "0"),
        ("usd", "-5"),
        ("usd", "0.99"),
        ("usd", "10000.01"),
        ("usd", "1.001"),
        ("usd", "9000000000"),
        ("jpy", "500.5"),
        ("kwd", "1.234"),  # Stripe charges tens of fils
        ("isk", "12.50"),
    ],
)
def test_what_stripe_or_the_operator_does_not_take_is_refused(currency: str, amount: str) -> None:
    with pytest.raises(InvalidAmount) as caught:
        topup_minor(Settings(billing_currency=currency), parse_amount(amount))
    assert caught.value.param == "amount"
