"""Test cards and amounts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devkit.stripe_sandbox import cards
from devkit.stripe_sandbox.currencies import check_charge_amount, check_unit_amount, display
from devkit.stripe_sandbox.errors import InvalidRequest


@pytest.mark.parametrize("number", cards.SUCCEEDING)
def test_cards_that_pay(number: str) -> None:
    assert cards.read(number).decline is None


@pytest.mark.parametrize("number", cards.DECLINING)
def test_cards_that_do_not(number: str) -> None:
    decline = cards.read(f"{number[:4]} {number[4:8]}-{number[8:]}").decline
    assert decline is not None
    assert decline.reaches_bank


@given(st.sampled_from(sorted(cards.SUCCEEDING)), st.data())
def test_one_wrong_digit_is_noticed(number: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(number) - 1))
    digit = data.draw(st.sampled_from([d for d in "0123456789" if d != number[place]]))
    decline = cards.read(number[:place] + digit + number[place + 1 :]).decline
    assert decline is not None
    assert decline.code == "incorrect_number"


@given(st.text(max_size=30))
def test_nothing_else_ever_pays(text: str) -> None:
    card = cards.read(text)
    assert card.decline is not None or card.number in cards.SUCCEEDING


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        (1050, "usd", "10.50 USD"),
        (5, "eur", "0.05 EUR"),
        (1234, "jpy", "1,234 JPY"),
        (1230, "kwd", "1.230 KWD"),
    ],
)
def test_display(amount: int, currency: str, shown: str) -> None:
    assert display(amount, currency) == shown


@pytest.mark.parametrize(("amount", "currency"), [(1001, "kwd"), (150, "isk"), (1, "ugx"), (-1, "usd")])
def test_amounts_that_are_no_unit_price(amount: int, currency: str) -> None:
    with pytest.raises(InvalidRequest):
        check_unit_amount(amount, currency, "unit_amount")


@pytest.mark.parametrize(("amount", "currency"), [(50, "usd"), (99_999_999, "usd"), (50, "jpy"), (1, "krw")])
def test_the_bounds_of_a_charge(amount: int, currency: str) -> None:
    check_charge_amount(amount, currency)
    with pytest.raises(InvalidRequest):
        check_charge_amount(amount - 1 if amount <= 50 else amount + 1, currency)
