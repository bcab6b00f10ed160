"""What travels to Postgres: no client's text may make a charge fail."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.ledger.rows import SEPARATOR, flag_array, json_text, number_array, sanitize_text, text_array
from billing.ledger.schemas import Json

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


class TestJson:
    @given(st.dictionaries(st.text(), JSON_VALUES, max_size=4))
    def test_anything_becomes_json_that_postgres_takes(self, detail: Json) -> None:
        text = json_text(detail)
        json.loads(text, parse_constant=pytest.fail)  # NaN and infinities are no JSON
        assert SEPARATOR not in text
        assert "\\u0000" not in text.replace("\\\\", "")
        json.loads(text)
        assert "\ud800" not in str(json.loads(text))

    def test_ordinary_detail_is_unchanged(self) -> None:
        detail: Json = {"model": "demo-chat", "tokens": 12, "name": "Zoë 🙂", "path": "a\\u0000b", "rule": {}}
        assert json.loads(json_text(detail)) == detail

    def test_what_jsonb_refuses_is_replaced(self) -> None:
        detail: Json = {"a\0": ["\ud800", float("nan"), {"b": float("inf")}], "n": None}
        assert json.loads(json_text(detail)) == {"a\ufffd": ["?", "nan", {"b": "inf"}], "n": None}


class TestText:
    @pytest.mark.parametrize(
        ("given_text", "stored"),
        [
            ("demo", "demo"),
            ("", "-"),
            ("a\0b", "a\ufffdb"),
            ("a\x1fb", "a\ufffdb"),
            ("\ud800", "?"),
            ("ü", "ü"),
        ],
    )
    def test_is_made_storable(self, given_text: str, stored: str) -> None:
        assert sanitize_text(given_text) == stored

    def test_arrays(self) -> None:
        assert text_array(["a", "b,{}"]) == f"a{SEPARATOR}b,{{}}"
        assert number_array([1, -2]) == "{1,-2}"
        assert flag_array([True, False]) == "{t,f}"
