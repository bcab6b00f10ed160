"""Cursor pagination for lists. Cursors are opaque to clients."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Annotated, Protocol

from fastapi import Query
from pydantic import Field

from billing.errors import BadRequest

PAGE_MAX = 100
Limit = Annotated[int, Query(ge=1, le=PAGE_MAX)]
Cursor = Annotated[str | None, Query(max_length=64, description="`next_cursor` of the previous page.")]
NextCursor = Annotated[str | None, Field(description="Cursor of the next page; null on the last.")]
_PLAIN = re.compile(r"after:([0-9]{1,18})", re.ASCII)


class Row(Protocol):
    """A list item with a numeric id that determines its position."""

    @property
    def id(self) -> int | None: ...


def next_cursor(rows: Sequence[Row], limit: int) -> str | None:
    """Returns the cursor after a page of at most `limit` rows; None if the page was not full."""
    last_id = rows[-1].id if len(rows) == limit else None
    return None if last_id is None else encode_cursor(last_id)


def encode_cursor(row_id: int) -> str:
    """Encodes the cursor of a page that ends with the row `row_id`."""
    return urlsafe_b64encode(f"after:{row_id}".encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None) -> int | None:
    """Decodes a cursor to its row id. Raises BadRequest if the cursor is invalid."""
    if cursor is None:
        return None
    try:
        plain = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except ValueError:
        plain = ""
    match = _PLAIN.fullmatch(plain)
    if match is None:
        raise BadRequest("Invalid cursor: pass next_cursor of the previous page.", param="cursor")
    return int(match[1])
