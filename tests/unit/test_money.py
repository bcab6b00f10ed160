"""Amounts come in exactly or not at all, and go out as they came."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.errors import InvalidAmount
from billing.money import (
    NANOS_MAX,
    format_nanos,
    minor_from_nanos,
    nanos_from_minor,
    parse_amount,
)

NANOS = st.integers(-NANOS_MAX, NANOS_MAX)


class TestParseAmount:
    @given(NANOS)
    def test_what_we_write_we_read(self, nanos: int) -> None:
        assert parse_amount(format_nanos(nanos)) == nanos
        assert parse_amount(Decimal(format_nanos(nanos))) == nanos

    @given(st.decimals(allow_nan=True, allow_infinity=True))
    def test_any_decimal_is_exact_or_refused(self, amount: Decimal) -> None:
        try:
            nanos = parse_amount(amount)
        except InvalidAmount:
            return
        assert Decimal(nanos) == amount * 10**9
        assert abs(nanos) <= NANOS_MAX

    @pytest.mark.parametrize(
        "value",
        [
            Decimal("10.0000000000000000000000000001"),  # beyond the default precision of 28 digits
            Decimal("1." + "0" * 80 + "1"),
            Decimal("1e-10"),
            Decimal("1e400"),
            Decimal("9223372036.854775808"),
            "9223372036.854775808",
            10**400,
            "1e3",
            "\u0661\u0660",  # Arabic digits
            " 1",
            "",
            "NaN",
            Decimal("NaN"),
            Decimal("-Infinity"),
            1.5,
            True,
            None,
            [],
        ],
    )
    def test_anything_else_is_refused(self, value: object) -> None:
        with pytest.raises(InvalidAmount):
            parse_amount(value)

    @pytest.mark.parametrize(
        "value", ["10", 10, "10.000000000000", Decimal("1E+1"), Decimal("10.0" + "0" * 30)]
    )
    def test_zeros_at_the_end_say_nothing(self, value: object) -> None:
        assert parse_amount(value) == 10_000_000_000


@given(st.integers(0, 10**9), st.sampled_from(["usd", "jpy", "kwd"]))
def test_minor_units_come_back(amount_minor: int, currency: str) -> None:
    assert minor_from_nanos(nanos_from_minor(amount_minor, currency), currency) == amount_minor


@pytest.mark.parametrize(("currency", "nanos"), [("usd", 1_000_000), ("jpy", 500_000_000), ("kwd", 100_000)])
def test_less_than_a_minor_unit_is_not_rounded_away(currency: str, nanos: int) -> None:
    with pytest.raises(InvalidAmount):
        minor_from_nanos(nanos, currency)
