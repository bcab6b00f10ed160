"""Reads one frame of a client: a JSON object in UTF-8, small enough before it is parsed.

A frame of 13 MB can hold a million keys, over which parsing here, in LiteLLM and copying take seconds in
which nobody else is served. So bytes are looked at first, without making an object of any of them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from billing.errors import BadRequest, TooLarge
from billing.settings import Settings

_ALL_BUT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"{}[]")
_DEPTH_MAX = 64


@dataclass(frozen=True, slots=True)
class FrameLimits:
    """The largest frame of a client's."""

    bytes_max: int
    elements_max: int  # members of objects, elements of lists, objects and lists themselves
    depth_max: int = _DEPTH_MAX


def frame_limits(settings: Settings) -> FrameLimits:
    """As the operator has set them."""
    return FrameLimits(settings.billing_frame_bytes_max, settings.billing_frame_elements_max)


def read_frame_document(raw: bytes, limits: FrameLimits) -> dict[str, object]:
    """The object that `raw` is. Raises TooLarge beyond a limit, BadRequest for what is no plain object."""
    if len(raw) > limits.bytes_max:
        raise TooLarge(f"This frame has more than {limits.bytes_max} bytes; send it in parts.")
    _check_structure(raw, limits)
    try:
        document = json.loads(raw.decode(), object_pairs_hook=_members, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise BadRequest("This frame is no JSON.") from error
    if not isinstance(document, dict):
        raise BadRequest("This frame is no JSON object.")
    return document


def _check_structure(raw: bytes, limits: FrameLimits) -> None:
    quotes = raw.count(b'"') - raw.count(b'\\"')  # each string has one or two of these
    if quotes > 4 * limits.elements_max:
        raise _too_many(limits)
    outside = _outside_strings(raw)
    brackets = outside.translate(None, _ALL_BUT_BRACKETS)
    if outside.count(b",") + len(brackets) // 2 > limits.elements_max:
        raise _too_many(limits)
    if len(brackets) > limits.depth_max:
        _check_depth(brackets, limits.depth_max)


def _outside_strings(raw: bytes) -> bytes:
    if b"\\" in raw:
        raw = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    return b"".join(raw.split(b'"')[::2])


def _check_depth(brackets: bytes, depth_max: int) -> None:
    depth = 0
    for bracket in brackets:
        depth += 1 if bracket in b"{[" else -1
        if depth > depth_max:
            raise TooLarge(f"This frame is nested more than {depth_max} levels deep.")


def _too_many(limits: FrameLimits) -> TooLarge:
    return TooLarge(f"This frame has more than {limits.elements_max} keys and elements; send it in parts.")


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise BadRequest("A key stands twice in one object of this frame.")
    return members


def _refuse_constant(name: str) -> object:
    raise BadRequest(f"This frame holds {name}, which JSON does not have.")
