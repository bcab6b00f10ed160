"""Validated field types shared by several requests."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, StringConstraints, WithJsonSchema

from billing.errors import InvalidAmount
from billing.money import parse_amount

# PostgreSQL cannot store NUL, and no page, spreadsheet or log needs the other control characters.
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


# An amount sent by a client. InvalidAmount is not a ValueError, so pydantic lets it through unchanged.
AmountNanos = Annotated[
    int,
    BeforeValidator(_amount_nanos),
    WithJsonSchema(
        {
            "anyOf": [{"type": "string", "pattern": r"^\d{1,12}(\.\d{1,9})?$"}, {"type": "number"}],
            "description": "Major units as a decimal string (or a number), read exactly.",
            "examples": ["10.00"],
        }
    ),
]
Text = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=PLAIN_TEXT)]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=PLAIN_TEXT)]
# An id as LiteLLM accepts it: of a user, team or end user, or the hash of a key.
CustomerId = Annotated[
    str, StringConstraints(min_length=1, max_length=255, pattern=PLAIN_TEXT), AfterValidator(_printable)
]
