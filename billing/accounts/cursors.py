"""Cursors: where the last page ended, opaque to whoever holds it."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

from billing.errors import BadRequest

_PLAIN = re.compile(r"after:([0-9]{1,18})", re.ASCII)


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
