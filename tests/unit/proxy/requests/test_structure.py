"""A document's keys, elements and depth are counted from its bytes, however they are cut into pieces."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.errors import TooLarge
from billing.proxy.requests.structure import Structure, StructureLimits

UNLIMITED = StructureLimits(nodes_max=10**9, elements_max=10**9, depth_max=10**9)
texts = st.text(alphabet='a"\\{}[]:,\n é€')
documents = st.recursive(
    texts | st.integers() | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


def members_of(value: Any) -> int:
    if isinstance(value, dict):
        return len(value) + sum(map(members_of, value.values()))
    return sum(map(members_of, value)) if isinstance(value, list) else 0


def depth_of(value: Any) -> int:
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth_of, inner), default=0)


def feed(raw: bytes, limits: StructureLimits, piece_bytes: int) -> Structure:
    structure = Structure(limits)
    for start in range(0, len(raw), piece_bytes):
        structure.feed(raw[start : start + piece_bytes])
    return structure


@given(documents, st.integers(1, 9), st.booleans())
def test_counts_every_member_whatever_strings_hold(value: object, piece_bytes: int, escaped: bool) -> None:
    raw = json.dumps(value, ensure_ascii=escaped).encode()
    assert feed(raw, UNLIMITED, piece_bytes).members == members_of(orjson.loads(raw))


@given(documents, st.integers(1, 9))
def test_refuses_depth_beyond_the_limit_and_nothing_below(value: object, piece_bytes: int) -> None:
    raw, depth = json.dumps(value).encode(), depth_of(value)
    feed(raw, StructureLimits(10**9, 10**9, depth_max=max(depth, 1)), piece_bytes)
    if depth > 1:
        with pytest.raises(TooLarge, match="nested more than"):
            feed(raw, StructureLimits(10**9, 10**9, depth_max=depth - 1), piece_bytes)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"{" + b",".join(b'"%d":1' % n for n in range(1001)) + b"}", "1000 keys"),
        (b'{"a":[' + b"{}," * 1000 + b"{}]}", "1000 keys"),
        (b'{"a":[' + b"[]," * 1000 + b"[]]}", "1000 keys"),
        (b'{"a":[' + b"1," * 2001 + b"1]}", "2000 elements"),
        (b'{"a":[' + b'"",' * 2001 + b"1]}", "2000 elements"),
    ],
)
def test_refuses_many_keys_objects_lists_and_elements(raw: bytes, words: str) -> None:
    with pytest.raises(TooLarge, match=words):
        feed(raw, StructureLimits(nodes_max=1000, elements_max=2000, depth_max=100), 64)


def test_what_strings_hold_is_no_structure() -> None:
    raw = json.dumps({"text": '{"a": [1, 2, {"b": "\\" : , {"}]}' * 1000}).encode()
    assert feed(raw, StructureLimits(nodes_max=10, elements_max=10, depth_max=2), 100).members == 1


def test_refuses_while_the_first_of_it_arrives() -> None:
    structure = Structure(StructureLimits(nodes_max=1000, elements_max=1000, depth_max=10))
    with pytest.raises(TooLarge):
        structure.feed(b'{"a":1' + b',"k":1' * 1000)
