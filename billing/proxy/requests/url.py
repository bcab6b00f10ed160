"""Validates URLs: LiteLLM passes their strings and numbers to PostgreSQL, and fails with a 500 on values that
it cannot store.
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.types import Scope

from billing.errors import BadRequest
from billing.proxy.requests.nul import NUL

# LiteLLM multiplies these pages by sizes, and turns these minutes into dates.
_NUMBERS = frozenset({"page", "page_size", "size", "limit", "offset", "timezone"})
_NUMBER_MAX = 10**9
_PARAMETERS_MAX = 1_000


def check_url(scope: Scope) -> None:
    """Raises BadRequest for a NUL character, and for a number out of range."""
    query = scope.get("query_string", b"")
    if NUL in scope["path"] or b"%00" in query or b"\x00" in query:
        raise BadRequest("The URL contains a NUL character, which cannot be stored.")
    if not query:
        return
    try:
        parameters = parse_qsl(query.decode("latin-1"), max_num_fields=_PARAMETERS_MAX)
    except ValueError as error:
        raise BadRequest(f"A URL may have at most {_PARAMETERS_MAX} parameters.") from error
    for name, value in parameters:
        if name in _NUMBERS and _is_beyond(value):
            raise BadRequest(f"`{name}` must be a number up to {_NUMBER_MAX}.", param=name)


def _is_beyond(value: str) -> bool:
    digits = value.strip().lstrip("+-").replace("_", "").lstrip("0")
    return digits.isdecimal() and (len(digits) > 10 or int(digits) > _NUMBER_MAX)
