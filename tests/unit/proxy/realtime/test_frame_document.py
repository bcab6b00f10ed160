"""A frame is refused by its bytes, depth and elements before an object is made of it."""

from __future__ import annotations

import json
import time

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.errors import BadRequest, BillingError, TooLarge
from billing.proxy.realtime.frame_document import FrameLimits, read_frame_document
from billing.proxy.requests.json_document import Document

LIMITS = FrameLimits(bytes_max=16 * 1024 * 1024, elements_max=10_000)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def read(text: str, limits: FrameLimits = LIMITS) -> Document:
    return read_frame_document(text.encode(), limits)


def members_of(count: int) -> str:
    return "{" + ",".join(f'"k{number}":0' for number in range(count)) + "}"


GIANTS = {
    "keys": '{"type":"conversation.item.create","item":' + members_of(300_000) + "}",
    "parts": '{"item":{"content":[' + ",".join(["{}"] * 1_000_000) + "]}}",
    "strings": '{"item":[' + ",".join(['"\\\\"'] * 1_000_000) + "]}",
    "numbers": '{"item":[' + ",".join(["1"] * 3_000_000) + "]}",
    "deep": '{"item":' + "[" * 3_000_000 + "]" * 3_000_000 + "}",
}


class TestRefusedUnparsed:
    @pytest.mark.parametrize("giant", GIANTS)
    def test_a_giant_within_the_time_of_a_turn_of_the_event_loop(
        self, giant: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(orjson, "loads", lambda *_args, **_options: pytest.fail("it was parsed"))
        began = time.thread_time()
        with pytest.raises(TooLarge):
            read(GIANTS[giant])
        assert time.thread_time() - began < 0.25  # to parse them takes ten times as long

    def test_bytes_beyond_the_limit(self) -> None:
        with pytest.raises(TooLarge, match="more than 20 bytes"):
            read('{"type": "aaaaaaaaaaaa"}', FrameLimits(bytes_max=20, elements_max=10))

    @settings(max_examples=30)
    @given(st.dictionaries(st.text(), JSON, max_size=6))
    def test_no_more_than_the_limit_of_elements_is_ever_parsed(self, document: dict[str, object]) -> None:
        count = elements_of(document)
        text = json.dumps(document, ensure_ascii=False)
        assert read(text, FrameLimits(10_000, max(1, count))) == document
        if count > 40:
            with pytest.raises(TooLarge):
                read(text, FrameLimits(10_000, count // 20))


def elements_of(value: object) -> int:
    """Objects, lists, and what commas separate in them."""
    if isinstance(value, dict):
        return 1 + len(value) + sum(map(elements_of, value.values()))
    if isinstance(value, list):
        return 1 + len(value) + sum(map(elements_of, value))
    return 0


class TestRead:
    @pytest.mark.parametrize("text", ['commas, "quotes", {brackets}] ' * 10_000, "\\" * 50_000, "é" * 9])
    def test_a_long_text_is_one_element(self, text: str) -> None:
        for ascii_only in (True, False):
            raw = json.dumps({"item": {"text": text}}, ensure_ascii=ascii_only)
            assert read(raw, FrameLimits(1_000_000, 10)) == {"item": {"text": text}}

    @pytest.mark.parametrize(
        "raw",
        [b'{"a": 1, "a": 2}', b'{"a": {"b": 1, "b": 1.0}}', b'{"a": NaN}', b'{"a": -Infinity}',
         b'{"a": "\\ud800"}',
         b'{"a": "\xff"}', b"[]", b"null", b"{", b'\xef\xbb\xbf{"a": 1}', '{"a": 1}'.encode("utf-16"), b""],
    )  # fmt: skip
    def test_what_two_readers_could_read_in_two_ways_is_refused(self, raw: bytes) -> None:
        with pytest.raises(BadRequest):
            read_frame_document(raw, LIMITS)

    def test_a_refusal_speaks_of_a_frame(self) -> None:
        for raw in ("[]", "{", '{"a": [1, 2, 3]}'):
            with pytest.raises(BillingError, match="The frame "):
                read(raw, FrameLimits(bytes_max=100, elements_max=1))
