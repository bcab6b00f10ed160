"""Pages of lists: how long one is, and the cursor where it ended, opaque to whoever holds it."""

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
Cursor = Annotated[str | None, Query(max_length=64, description="`next_cursor` of the page before.")]
NextCursor = Annotated[str | None, Field(description="Ask with it for the next page; null on the last one.")]
_PLAIN = re.compile(r"after:([0-9]{1,18})", re.ASCII)


class Row(Protocol):
    """What has its place in a list by its number."""

    @property
    def id(self) -> int | None: ...


def next_cursor(rows: Sequence[Row], limit: int) -> str | None:
    """The cursor behind a page of at most `limit` rows; None where it was not full."""
    last_id = rows[-1].id if len(rows) == limit else None
    return None if last_id is None else encode_cursor(last_id)


def encode_cursor(row_id: int) -> str:
    """The cursor of a page that ended with the row `row_id`."""
    return urlsafe_b64encode(f"after:{row_id}".encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None) -> int | None:
    """The row that a cursor stands for. Raises BadRequest for what is no cursor of ours."""
    if cursor is None:
        return None
    try:
        plain = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except ValueError:
        plain = ""
    match = _PLAIN.fullmatch(plain)
    if match is None:
        raise BadRequest("Take the cursor from next_cursor of the page before.", param="cursor")
    return int(match[1])
