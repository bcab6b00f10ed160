"""Money as integers of 10⁻⁹ of the currency's major unit ("nanos"). Amounts are never floats.

Sources: Stripe amounts are integers of the currency's minor unit
(https://docs.stripe.com/currencies#zero-decimal); PostgreSQL's BIGINT limits what a ledger row can hold.
"""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Context, Decimal, Inexact, InvalidOperation, localcontext

from billing.errors import InvalidAmount

NANOS_PER_UNIT = 1_000_000_000
NANOS_MAX = 2**63 - 1
_WIDE = Context(prec=60)
_COSTS = (int, float, str, Decimal)
_PLAIN = re.compile(r"[+-]?\d{1,20}(\.\d{0,20})?", re.ASCII)

# ISK and UGX are absent: Stripe's API keeps two decimals for them.
_ZERO_DECIMAL = frozenset(
    ("bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf")
)
_THREE_DECIMAL = frozenset(("bhd", "jod", "kwd", "omr", "tnd"))


def minor_unit_exponent(currency: str) -> int:
    """Returns the decimals of Stripe's minor unit of `currency` (lower case ISO 4217): 0, 2 or 3."""
    if currency in _ZERO_DECIMAL:
        return 0
    return 3 if currency in _THREE_DECIMAL else 2


def nanos_from_minor(amount_minor: int, currency: str) -> int:
    """Converts Stripe's integer minor units to nanos."""
    return amount_minor * _nanos_per_minor(currency)


def _nanos_per_minor(currency: str) -> int:
    return int(10 ** (9 - minor_unit_exponent(currency)))


def minor_from_nanos(amount_nanos: int, currency: str) -> int:
    """Converts nanos to Stripe's minor units. Raises InvalidAmount if there would be a remainder."""
    amount_minor, rest = divmod(amount_nanos, _nanos_per_minor(currency))
    if rest:
        raise InvalidAmount(
            f"{format_nanos(amount_nanos)} {currency} is finer than the currency's smallest unit."
        )
    return amount_minor


def decimal_from_nanos(amount_nanos: int) -> Decimal:
    """Converts nanos to an exact Decimal in major units."""
    return Decimal(amount_nanos).scaleb(-9)


def format_nanos(amount_nanos: int) -> str:
    """Formats nanos as the decimal string of our JSON: `"10.00"`, `"9.998765432"`, `"-0.000000001"`.

    Always two to nine decimals, never an exponent.
    """
    sign = "-" if amount_nanos < 0 else ""
    units, fraction = divmod(abs(amount_nanos), NANOS_PER_UNIT)
    decimals = f"{fraction:09d}".rstrip("0").ljust(2, "0")
    return f"{sign}{units}.{decimals}"


def parse_amount(value: object) -> int:
    """Parses an amount in major units (string, int or Decimal, from JSON) into nanos.

    Raises InvalidAmount for anything but a finite number with at most nine decimals within BIGINT: NaN,
    infinities, booleans, floats (decode JSON with `parse_float=Decimal`), `1e400`, 60 digits.
    """
    amount = _decimal(value)
    if not amount.is_finite():
        raise InvalidAmount("The amount must be a finite number.")
    if amount.adjusted() > 12:
        raise InvalidAmount("The amount is too large.")
    with localcontext(prec=60) as context:
        context.traps[Inexact] = True  # never silently round digits beyond the precision
        try:
            nanos = int(amount.scaleb(9).to_integral_exact())
        except Inexact as error:
            raise InvalidAmount("The amount has more than nine decimals.") from error
    if abs(nanos) > NANOS_MAX:
        raise InvalidAmount("The amount is too large.")
    return nanos


def _decimal(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise InvalidAmount("The amount must be a number or a decimal string.")
    if isinstance(value, int) and abs(value) > NANOS_MAX:
        raise InvalidAmount("The amount is too large.")
    text = str(value)
    if isinstance(value, str) and not _PLAIN.fullmatch(text):
        raise InvalidAmount("The amount must be a plain decimal number.")
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise InvalidAmount("The amount must be a plain decimal number.") from error


def nanos_from_cost(cost: object) -> Decimal:
    """Converts a provider cost in major units to *unrounded* Decimal nanos, ready for the price rule.

    A float is read as `Decimal(str(cost))`, the number LiteLLM meant. Raises InvalidAmount for None, NaN,
    infinities and negative costs: an unknown cost is not zero.
    """
    if isinstance(cost, bool) or not isinstance(cost, _COSTS):
        raise InvalidAmount(f"A cost must be a number, not {type(cost).__name__}.")
    try:
        amount = cost if isinstance(cost, Decimal) else Decimal(str(cost))
    except InvalidOperation as error:
        raise InvalidAmount("A cost must be a number.") from error
    if not amount.is_finite() or amount < 0:
        raise InvalidAmount(f"A cost must be finite and not negative, not {amount}.")
    return amount.scaleb(9)


def round_nanos(amount: Decimal) -> int:
    """Rounds a charge half-even to whole nanos; applied once, after the price rule."""
    return _bounded(amount, ROUND_HALF_EVEN)


def ceil_nanos(amount: Decimal) -> int:
    """Rounds an upper bound up to whole nanos."""
    return _bounded(amount, ROUND_CEILING)


def _bounded(amount: Decimal, rounding: str) -> int:
    nanos = int(amount.to_integral_value(rounding, _WIDE))
    if abs(nanos) > NANOS_MAX:
        raise InvalidAmount("The amount is beyond the range of a ledger row.")
    return nanos
