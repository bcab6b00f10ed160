"""Cursors come back as they went, and nothing else is one."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.api.paging import decode_cursor, encode_cursor, next_cursor
from billing.errors import BadRequest


@given(st.integers(0, 10**18 - 1))
def test_a_cursor_comes_back(row_id: int) -> None:
    assert decode_cursor(encode_cursor(row_id)) == row_id


@given(st.text(max_size=64))
def test_any_other_text_is_refused(text: str) -> None:
    try:
        row_id = decode_cursor(text)
    except BadRequest:
        return
    assert row_id is not None
    assert encode_cursor(row_id) == text.rstrip("=")


@pytest.mark.parametrize("text", ["", "MQ", "YWZ0ZXI6LTE", "YWZ0ZXI6OTk5OTk5OTk5OTk5OTk5OTk5OTk"])
def test_what_looks_like_one_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        decode_cursor(text)


@dataclass(frozen=True)
class Line:
    id: int | None


class TestNextCursor:
    def test_a_full_page_ends_with_its_last_row(self) -> None:
        assert decode_cursor(next_cursor([Line(9), Line(7)], 2)) == 7

    @pytest.mark.parametrize("rows", [[], [Line(9)]])
    def test_behind_a_page_that_is_not_full_is_nothing(self, rows: list[Line]) -> None:
        assert next_cursor(rows, 2) is None
