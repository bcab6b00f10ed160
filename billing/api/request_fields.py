"""Fields that several requests have, checked once."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, StringConstraints, WithJsonSchema

from billing.errors import InvalidAmount
from billing.money import parse_amount

# PostgreSQL stores no NUL, and no page, spreadsheet or log needs the other control characters.
PLAIN_TEXT = r"^[^\x00-\x1f\x7f]+$"


def _amount_nanos(value: object) -> int:
    try:
        return parse_amount(value)
    except InvalidAmount as error:
        error.param = "amount"
        raise


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must be printable characters")
    return text


# A caller's amount. InvalidAmount is not a ValueError, so it passes through pydantic as it is.
AmountNanos = Annotated[
    int,
    BeforeValidator(_amount_nanos),
    WithJsonSchema(
        {
            "anyOf": [{"type": "string", "pattern": r"^\d{1,12}(\.\d{1,9})?$"}, {"type": "number"}],
            "description": "Major units as a decimal string (or a number), exactly as written.",
            "examples": ["10.00"],
        }
    ),
]
Text = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=PLAIN_TEXT)]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=PLAIN_TEXT)]
# An id as LiteLLM takes it: of a user, a team, an end user, or the hash of a key.
CustomerId = Annotated[
    str, StringConstraints(min_length=1, max_length=255, pattern=PLAIN_TEXT), AfterValidator(_printable)
]
