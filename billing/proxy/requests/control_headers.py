"""Validates the headers by which a client controls LiteLLM itself.

LiteLLM reads JSON and numbers from some headers and stores them. An unpaired surrogate in one of them stops
the engine that writes all rows; text where it expects a number is a 500.
"""

from __future__ import annotations

import math

from starlette.datastructures import Headers

from billing.errors import BadRequest, TooLarge
from billing.proxy.requests.json_document import read_document
from billing.proxy.requests.nul import holds_nul
from billing.proxy.requests.structure import StructureLimits

_JSON = ("x-litellm-spend-logs-metadata",)
_NUMBERS = (
    "x-litellm-timeout",
    "x-litellm-stream-timeout",
    "x-litellm-num-retries",
    "x-litellm-keepalive-seconds",
)
_LIMITS = StructureLimits(nodes_max=500, elements_max=1_000, depth_max=10)


def check_control_headers(headers: Headers) -> None:
    """Raises BadRequest for a LiteLLM header whose value it cannot read or store."""
    for name in _JSON:
        for value in headers.getlist(name):
            _check_json(name, value)
    for name in _NUMBERS:
        for value in headers.getlist(name):
            if not _is_number(value):
                raise BadRequest(f"The header `{name}` must be a number.")


def _check_json(name: str, value: str) -> None:
    try:
        document = read_document(value.encode(), _LIMITS)
    except (BadRequest, TooLarge) as error:
        raise BadRequest(f"The header `{name}` must be a small JSON object: {error}") from error
    if holds_nul(document):
        raise BadRequest(f"The header `{name}` contains a NUL character, which cannot be stored.")


def _is_number(value: str) -> bool:
    try:
        return math.isfinite(float(value)) and float(value) >= 0
    except ValueError:
        return False
