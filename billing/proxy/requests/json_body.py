"""Rejects JSON bodies that are not requests: `[]`, `null`, `NaN`. LiteLLM answers them with a 500.

Nothing is buffered for this: the first byte tells whether a body can be an object.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from starlette.datastructures import Headers

from billing.errors import BadRequest

_DEPTH_MAX = 4  # of settings and tools; deeper numbers are schema content
_CONTENT = frozenset({"messages", "prompt", "input", "contents"})  # long, and without numbers that steer
_FINITE = frozenset({str, bool, int, type(None)})
_START_BYTES = 64


def not_an_object(body_start: bytes, headers: Headers) -> BadRequest | None:
    """Returns the error for a JSON body whose beginning is not an object, or None."""
    media_type = headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    first = body_start[:_START_BYTES].lstrip()[:1]
    if not media_type.endswith("json") or first in (b"", b"{"):
        return None
    return BadRequest("The body must be a JSON object like {…}.")


def refuse_non_finite(body: Mapping[str, object]) -> None:
    """Raises BadRequest for NaN and infinities, which Python's JSON parser accepts and no provider does."""
    for name, value in body.items():
        if name not in _CONTENT and _is_non_finite(value, _DEPTH_MAX):
            raise BadRequest(f"`{name}` contains NaN or an infinite number, which is not valid JSON.")


def _is_non_finite(value: object, depth: int) -> bool:
    level = [value]
    for _ in range(depth + 1):  # level by level in one loop: every call runs this
        inner: list[object] = []
        for each in level:
            if type(each) in _FINITE:
                continue
            if isinstance(each, float):
                if not math.isfinite(each):
                    return True
            elif isinstance(each, dict):
                inner += each.values()
            elif isinstance(each, list):
                inner += each
        if not inner:
            return False
        level = inner
    return False
