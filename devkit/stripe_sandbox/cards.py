"""Stripe's test cards and what the bank says to each (https://docs.stripe.com/testing)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType

from devkit.stripe_sandbox.errors import CardDeclined, Json


@dataclass(frozen=True, slots=True)
class Decline:
    """How an attempt fails. A failure before the bank creates no charge."""

    code: str
    message: str
    decline_code: str | None = None
    reaches_bank: bool = True


@dataclass(frozen=True, slots=True)
class Card:
    """A card number and its outcome."""

    number: str
    brand: str
    decline: Decline | None

    @property
    def last4(self) -> str:
        """The four digits that are shown."""
        return self.number[-4:]

    def details(self) -> Json:
        """The `card` hash of a payment method."""
        return {
            "brand": self.brand,
            "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
            "country": "US",
            "exp_month": 12,
            "exp_year": 2034,
            "fingerprint": f"sandbox{self.last4}{len(self.number)}",
            "funding": "credit",
            "last4": self.last4,
            "wallet": None,
        }


def _declined(decline_code: str, message: str = "Your card was declined.") -> Decline:
    return Decline("card_declined", message, decline_code)


SUCCEEDING = MappingProxyType(
    {
        "4242424242424242": "visa",
        "4000056655665556": "visa",
        "5555555555554444": "mastercard",
        "2223003122003222": "mastercard",
        "5200828282828210": "mastercard",
        "378282246310005": "amex",
        "6011111111111117": "discover",
        "3056930009020004": "diners",
        "3566002020360505": "jcb",
        "6200000000000005": "unionpay",
    }
)
DECLINING = MappingProxyType(
    {
        "4000000000000002": _declined("generic_decline"),
        "4000000000009995": _declined("insufficient_funds", "Your card has insufficient funds."),
        "4000000000009987": _declined("lost_card"),
        "4000000000009979": _declined("stolen_card"),
        "4000000000000069": Decline("expired_card", "Your card has expired."),
        "4000000000000127": Decline("incorrect_cvc", "Your card's security code is incorrect."),
        "4000000000000119": Decline(
            "processing_error", "An error occurred while processing your card. Try again in a little bit."
        ),
    }
)
_INCORRECT = Decline("incorrect_number", "Your card number is incorrect.", reaches_bank=False)
_NOT_A_TEST_CARD = Decline(
    "card_declined",
    "Your card was declined. Your request was in test mode, but used a non test card. "
    "For a list of valid test cards, visit: https://stripe.com/docs/testing.",
    "test_mode_live_card",
    reaches_bank=False,
)
_NUMBER = re.compile(r"\d{12,19}", re.ASCII)


def read(number: str) -> Card:
    """Parses a card number (blanks and dashes allowed) into the card and its outcome."""
    digits = re.sub(r"[ -]", "", number)
    if not _NUMBER.fullmatch(digits) or not passes_luhn(digits):
        return Card(digits, "unknown", _INCORRECT)
    if digits in SUCCEEDING:
        return Card(digits, SUCCEEDING[digits], None)
    return Card(digits, "visa", DECLINING.get(digits, _NOT_A_TEST_CARD))


def passes_luhn(digits: str) -> bool:
    """The check digit of ISO/IEC 7812-1."""
    doubled = [int(digit) * (1 + index % 2) for index, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def refusal(decline: Decline, extra: Json) -> CardDeclined:
    """The error that the API answers."""
    details: Json = {"decline_code": decline.decline_code} if decline.decline_code else {}
    param = "number" if decline.code == "incorrect_number" else None
    return CardDeclined(decline.message, code=decline.code, param=param, extra={**details, **extra})
