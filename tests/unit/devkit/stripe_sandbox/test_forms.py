"""Stripe's request encoding, as the SDK writes it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stripe._encode import _api_encode

from devkit.stripe_sandbox.errors import InvalidRequest
from devkit.stripe_sandbox.forms import decode

NAMES = st.text(st.characters(exclude_characters="[]", exclude_categories=["Cs"]), min_size=1, max_size=8)
VALUES = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
TREES = st.recursive(
    VALUES,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3) | st.dictionaries(NAMES, inner, min_size=1, max_size=3)
    ),
    max_leaves=12,
)


def as_form(tree: object) -> object:
    """Lists as forms carry them: mappings of digits."""
    if isinstance(tree, list):
        return {str(index): as_form(item) for index, item in enumerate(tree)}
    if isinstance(tree, Mapping):
        return {name: as_form(item) for name, item in tree.items()}
    return tree


@given(st.dictionaries(NAMES, TREES, max_size=4))
def test_what_the_sdk_encodes_is_decoded(params: dict[str, object]) -> None:
    encoded = urlencode(list(_api_encode(params)))
    assert decode(encoded) == as_form(params)


def test_empty_brackets_append() -> None:
    assert decode("expand[]=a&expand[]=b&types[]=c") == {"expand": {"0": "a", "1": "b"}, "types": {"0": "c"}}


def test_a_later_value_replaces_an_earlier_one() -> None:
    assert decode("name=a&name=b") == {"name": "b"}


@pytest.mark.parametrize("text", ["a[=1", "a]=1", "[a]=1", "a[b]c=1", "a=1&a[b]=2", "a[b]=1&a=2", "=1"])
def test_names_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="Invalid parameter name"):
        decode(text)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with suppress(InvalidRequest):
        assert isinstance(decode(body), dict)
