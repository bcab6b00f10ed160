"""What Stripe takes of an amount (https://docs.stripe.com/currencies)."""

from __future__ import annotations

from billing.money import minor_unit_exponent
from devkit.stripe_sandbox.errors import InvalidRequest

AMOUNT_MAX = 99_999_999
_DECIMAL_BY_COMPATIBILITY = frozenset(("isk", "ugx"))  # two decimals in the API, which must be zero

SUPPORTED = frozenset(
    (
        "usd", "aed", "afn", "all", "amd", "ang", "aoa", "ars", "aud", "awg", "azn", "bam", "bbd",
        "bdt", "bgn", "bhd", "bif", "bmd", "bnd", "bob", "brl", "bsd", "bwp", "byn", "bzd", "cad",
        "cdf", "chf", "clp", "cny", "cop", "crc", "cve", "czk", "djf", "dkk", "dop", "dzd", "egp",
        "etb", "eur", "fjd", "fkp", "gbp", "gel", "gip", "gmd", "gnf", "gtq", "gyd", "hkd", "hnl",
        "htg", "huf", "idr", "ils", "inr", "isk", "jmd", "jod", "jpy", "kes", "kgs", "khr", "kmf",
        "krw", "kwd", "kyd", "kzt", "lak", "lbp", "lkr", "lrd", "lsl", "mad", "mdl", "mga", "mkd",
        "mmk", "mnt", "mop", "mro", "mur", "mvr", "mwk", "mxn", "myr", "mzn", "nad", "ngn", "nio",
        "nok", "npr", "nzd", "omr", "pab", "pen", "pgk", "php", "pkr", "pln", "pyg", "qar", "ron",
        "rsd", "rub", "rwf", "sar", "sbd", "scr", "sek", "sgd", "shp", "sle", "sos", "srd", "std",
        "szl", "thb", "tjs", "tnd", "top", "try", "ttd", "twd", "tzs", "uah", "ugx", "uyu", "uzs",
        "vnd", "vuv", "wst", "xaf", "xcd", "xcg", "xof", "xpf", "yer", "zar", "zmw",
    )
)  # fmt: skip
_MINIMUM = {
    "usd": 50, "aed": 200, "aud": 50, "bgn": 100, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250,
    "eur": 50, "gbp": 30, "hkd": 400, "huf": 17500, "inr": 50, "jpy": 50, "mxn": 1000, "myr": 200, "nok": 300,
    "nzd": 50, "pln": 200, "ron": 200, "sek": 300, "sgd": 50, "thb": 1000,
}  # fmt: skip


def check_currency(currency: str, param: str) -> str:
    """Returns a supported currency in lower case. Raises InvalidRequest."""
    if currency.lower() not in SUPPORTED:
        raise InvalidRequest(
            f"Invalid currency: {currency[:10]}. Stripe currently supports these currencies: "
            + ", ".join(sorted(SUPPORTED)),
            param=param,
        )
    return currency.lower()


def check_unit_amount(amount_minor: int, currency: str, param: str) -> None:
    """Checks an amount: not negative, not too large, whole if required. Raises InvalidRequest."""
    if amount_minor < 0:
        raise InvalidRequest("Invalid non-negative integer", code="parameter_invalid_integer", param=param)
    if amount_minor > AMOUNT_MAX:
        raise InvalidRequest(
            f"Amount must be no more than {AMOUNT_MAX}", code="amount_too_large", param=param
        )
    step = _step(currency)
    if amount_minor % step:
        raise InvalidRequest(
            f"Amounts in {currency} must be multiples of {step}: its smallest decimals are not supported.",
            param=param,
        )


def _step(currency: str) -> int:
    if currency in _DECIMAL_BY_COMPATIBILITY:
        return 100
    return 10 if minor_unit_exponent(currency) == 3 else 1


def check_charge_amount(amount_minor: int, currency: str) -> None:
    """Checks that Stripe would charge this total: neither too small nor too large. Raises InvalidRequest."""
    least = _MINIMUM.get(currency, 1)
    if amount_minor < least:
        raise InvalidRequest(
            f"The Checkout Session's total amount must be at least {display(least, currency)}.",
            code="amount_too_small",
        )
    if amount_minor > AMOUNT_MAX:
        raise InvalidRequest(
            f"The Checkout Session's total amount must be no more than {display(AMOUNT_MAX, currency)}.",
            code="amount_too_large",
        )


def display(amount_minor: int, currency: str) -> str:
    """Formats `1050, "usd"` as `10.50 USD`."""
    exponent = minor_unit_exponent(currency)
    if exponent == 0:
        return f"{amount_minor:,} {currency.upper()}"
    units, rest = divmod(amount_minor, 10**exponent)
    return f"{units:,}.{rest:0{exponent}d} {currency.upper()}"
