"""Rows of Postgres ↔ the ledger's types. Column order is that of `queries.sql`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import cast

from psycopg.rows import TupleRow
from pydantic import JsonValue

from billing.ledger.schemas import (
    Account,
    Hold,
    HoldStatus,
    Json,
    Payer,
    Transaction,
    TransactionKind,
    UnconfirmedCall,
)
from billing.settings import CustomerType


def payer_from(customer_type: str, customer_id: str) -> Payer:
    """A CHECK of the table keeps `customer_type` to the known ones."""
    return Payer(cast(CustomerType, customer_type), customer_id)


def account_from(row: TupleRow) -> Account:
    """A row of `account_of` or `accounts`."""
    return Account(row[0], payer_from(row[1], row[2]), *row[3:])


def hold_from(row: TupleRow) -> Hold:
    """A row of `hold_by_key` or `holds_due`."""
    return Hold(row[0], payer_from(row[1], row[2]), row[3], row[4], HoldStatus(row[5]), *row[6:12])


def unconfirmed_from(row: TupleRow) -> UnconfirmedCall:
    """A row of `holds_for_review`."""
    return UnconfirmedCall(row[12], hold_from(row), row[13], row[14])


def transaction_from(row: TupleRow) -> Transaction:
    """A row of `transactions` or `transaction_by_id`."""
    return Transaction(row[0], payer_from(row[1], row[2]), TransactionKind(row[3]), *row[4:])


SEPARATOR = "\x1f"


def text_array(values: Iterable[str]) -> str:
    """Texts joined for `string_to_array`, several times faster at both ends than an array literal.

    Keys and ids are printable, JSON escapes control characters, and `plain` removes the separator.
    """
    return SEPARATOR.join(values)


def number_array(values: Iterable[int]) -> str:
    """A bigint[] or integer[] literal."""
    return "{" + ",".join(map(str, values)) + "}"


def flag_array(values: Iterable[bool]) -> str:
    """A boolean[] literal."""
    return "{" + ",".join(["t" if value else "f" for value in values]) + "}"


_encode = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode
_ENCODED_TROUBLE = ("\\u0000", "\\ud8", "\\ud9", "\\uda", "\\udb", "\\udc", "\\udd", "\\ude", "\\udf")


def json_text(detail: Json) -> str:
    """JSON that jsonb takes, whatever is in it.

    jsonb refuses NUL, lone surrogates, NaN and infinities. They come from clients' labels; a charge must not
    fail for them, so they are replaced.
    """
    if not detail:
        return "{}"
    try:
        text = _encode(dict(detail))
    except ValueError:
        return _encode(_acceptable(dict(detail)))
    if "\\u" in text and any(trouble in text for trouble in _ENCODED_TROUBLE):
        return _encode(_acceptable(dict(detail)))
    return text


def sanitize_text(text: str) -> str:
    """Text that a TEXT column and a batch take; "-" for none (`string_to_array` has no single empty text)."""
    return (text if text.isascii() and text.isprintable() else _storable(text)) or "-"


def _storable(text: str) -> str:
    """NUL, our separator and lone surrogates replaced."""
    without = text.replace("\0", "\ufffd").replace(SEPARATOR, "\ufffd")
    return without.encode("utf-8", "replace").decode("utf-8")


def _acceptable(value: JsonValue) -> JsonValue:
    if isinstance(value, str):
        return _storable(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, list):
        return [_acceptable(item) for item in value]
    if isinstance(value, Mapping):
        return {_storable(name): _acceptable(item) for name, item in value.items()}
    return value
