"""Validates top-up amounts."""

from __future__ import annotations

from billing.errors import InvalidAmount
from billing.money import format_nanos, minor_from_nanos, minor_unit_exponent, parse_amount
from billing.settings import Settings

# Stripe's API has two decimals for these, which must be zero
# (https://docs.stripe.com/currencies#special-cases).
_WHOLE_UNITS_ONLY = frozenset(("isk", "ugx"))


def topup_minor(settings: Settings, amount_nanos: int) -> int:
    """Converts a top-up to Stripe's minor units. Raises InvalidAmount beyond limits or precision."""
    currency = settings.billing_currency
    least, most = parse_amount(settings.billing_topup_min), parse_amount(settings.billing_topup_max)
    if not least <= amount_nanos <= most:
        raise InvalidAmount(
            f"A top-up must be {format_nanos(least)} to {format_nanos(most)} {currency.upper()}.",
            param="amount",
        )
    try:
        amount_minor = minor_from_nanos(amount_nanos, currency)
    except InvalidAmount as error:
        error.param = "amount"
        raise
    if amount_minor % _step_minor(currency):
        raise InvalidAmount(f"Stripe does not accept this fraction of {currency.upper()}.", param="amount")
    return amount_minor


def _step_minor(currency: str) -> int:
    """Three-decimal currencies are charged in tens of their minor unit."""
    if currency in _WHOLE_UNITS_ONLY:
        return 100
    return 10 if minor_unit_exponent(currency) == 3 else 1
