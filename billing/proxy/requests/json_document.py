"""Reads a JSON document strictly: UTF-8, no conflicting duplicate keys, valid JSON numbers.

Anything that two parsers could read differently is rejected, so that our checks see the same data as every
later reader.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import orjson
from pydantic import JsonValue

from billing.errors import BadRequest
from billing.proxy.requests.structure import Structure, StructureLimits

Document = dict[str, JsonValue]

DUPLICATES_MAX = 100
_PIECE_BYTES = 64 * 1024  # counted in one go: what is too large is rejected at its beginning
_CONTAINERS = (dict, list)


def read_document(raw: bytes, limits: StructureLimits, what: str = "body") -> Document:
    """Parses `raw` as a JSON object. Raises BadRequest if it is not one, TooLarge beyond a limit.

    `what` names the document in error messages.
    """
    structure = Structure(limits, what)
    for start in range(0, len(raw), _PIECE_BYTES):
        structure.feed(raw[start : start + _PIECE_BYTES])
    return parse_document(raw, structure)


def parse_document(raw: bytes, structure: Structure) -> Document:
    """Parses `raw`, whose structure was already counted, as a JSON object.

    Raises BadRequest if it is not one.
    """
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"The {structure.what} must be one JSON object in UTF-8: {error}.") from error
    if not isinstance(document, dict):
        raise BadRequest(f"The {structure.what} must be a JSON object like {{…}}.")
    if _member_count(document) != structure.members:
        _refuse_different_duplicates(raw)
    return document


def _member_count(document: Document) -> int:
    """Counts the members of all objects together; the parser kept only one of duplicate keys."""
    count = 0
    level: list[object] = [document]
    while level:
        inner: list[object] = []
        for container in level:
            if isinstance(container, dict):
                count += len(container)
                inner += [value for value in container.values() if isinstance(value, _CONTAINERS)]
            elif isinstance(container, list):
                inner += [value for value in container if isinstance(value, _CONTAINERS)]
        level = inner
    return count


def _refuse_different_duplicates(raw: bytes) -> None:
    json.loads(raw, object_pairs_hook=_without_different_duplicates)


def _without_different_duplicates(pairs: list[tuple[str, object]]) -> Mapping[str, object]:
    members: dict[str, object] = {}
    if len(pairs) > DUPLICATES_MAX and len({name for name, _ in pairs}) < len(pairs) - DUPLICATES_MAX:
        raise BadRequest("Many keys appear more than once in one object.")
    for name, value in pairs:
        if name in members and not _same(members[name], value):
            raise BadRequest(f"The key `{name[:100]}` appears twice in one object, with different values.")
        members[name] = value
    return members


def _same(one: object, other: object) -> bool:
    """Whether two values are equal in value and type; 1, 1.0 and true differ."""
    if type(one) is not type(other):
        return False
    if not isinstance(one, _CONTAINERS):
        return one == other
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
