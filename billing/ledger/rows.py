"""Converts between Postgres rows and the ledger's types. Column order is that of `queries.sql`."""

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
    """Builds a Payer. A CHECK of the table limits `customer_type` to the known ones."""
    return Payer(cast(CustomerType, customer_type), customer_id)


def account_from(row: TupleRow) -> Account:
    """Parses a row of `account_of` or `accounts`."""
    return Account(row[0], payer_from(row[1], row[2]), *row[3:])


def hold_from(row: TupleRow) -> Hold:
    """Parses a row of `hold_by_key` or `holds_due`."""
    return Hold(row[0], payer_from(row[1], row[2]), row[3], row[4], HoldStatus(row[5]), *row[6:12])


def unconfirmed_from(row: TupleRow) -> UnconfirmedCall:
    """Parses a row of `holds_for_review`."""
    return UnconfirmedCall(row[12], hold_from(row), row[13], row[14])


def transaction_from(row: TupleRow) -> Transaction:
    """Parses a row of `transactions` or `transaction_by_id`."""
    return Transaction(row[0], payer_from(row[1], row[2]), TransactionKind(row[3]), *row[4:])


SEPARATOR = "\x1f"


def text_array(values: Iterable[str]) -> str:
    """Joins texts for `string_to_array`, several times faster on both ends than an array literal.

    Keys and ids are printable, JSON escapes control characters, and `plain` removes the separator.
    """
    return SEPARATOR.join(values)


def number_array(values: Iterable[int]) -> str:
    """Encodes a bigint[] or integer[] literal."""
    return "{" + ",".join(map(str, values)) + "}"


def flag_array(values: Iterable[bool]) -> str:
    """Encodes a boolean[] literal."""
    return "{" + ",".join(["t" if value else "f" for value in values]) + "}"


_encode = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode
_ENCODED_TROUBLE = ("\\u0000", "\\ud8", "\\ud9", "\\uda", "\\udb", "\\udc", "\\udd", "\\ude", "\\udf")


def json_text(detail: Json) -> str:
    """Encodes any detail as JSON that jsonb accepts.

    jsonb rejects NUL, unpaired surrogates, NaN and infinities. They come from clients' labels; a charge must
    not fail because of them, so they are replaced.
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
    """Makes a text storable in TEXT columns and batches; empty becomes "-" (for `string_to_array`)."""
    return (text if text.isascii() and text.isprintable() else _storable(text)) or "-"


def _storable(text: str) -> str:
    """Replaces NUL, our separator and unpaired surrogates."""
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
