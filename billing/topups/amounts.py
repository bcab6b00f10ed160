"""Which amounts can be topped up."""

from __future__ import annotations

from billing.errors import InvalidAmount
from billing.money import format_nanos, minor_from_nanos, minor_unit_exponent, parse_amount
from billing.settings import Settings

# Stripe keeps two decimals for these in its API and wants them to be zero
# (https://docs.stripe.com/currencies#special-cases).
_WHOLE_UNITS_ONLY = frozenset(("isk", "ugx"))


def topup_minor(settings: Settings, amount_nanos: int) -> int:
    """A requested top-up → Stripe's minor units. Raises InvalidAmount beyond the limits or the precision."""
    currency = settings.billing_currency
    least, most = parse_amount(settings.billing_topup_min), parse_amount(settings.billing_topup_max)
    if not least <= amount_nanos <= most:
        raise InvalidAmount(
            f"A top-up is {format_nanos(least)} to {format_nanos(most)} {currency.upper()}.", param="amount"
        )
    try:
        amount_minor = minor_from_nanos(amount_nanos, currency)
    except InvalidAmount as error:
        error.param = "amount"
        raise
    if amount_minor % _step_minor(currency):
        raise InvalidAmount(f"Stripe takes no such fraction of {currency.upper()}.", param="amount")
    return amount_minor


def _step_minor(currency: str) -> int:
    """Three-decimal currencies are charged in tens of their minor unit."""
    if currency in _WHOLE_UNITS_ONLY:
        return 100
    return 10 if minor_unit_exponent(currency) == 3 else 1
