"""Bytes bound every tokenizer; the ceiling bounds those at hand, and is closer."""

from __future__ import annotations

import asyncio
import base64
import itertools
import random
import threading
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.proxy.max_cost import tokens
from billing.proxy.max_cost.tokens import count_text, count_texts, encoding_named, exact_encoding_name

SAMPLES = (
    "The quick brown fox jumps over the lazy dog. " * 40,
    "3.14159,2.71828,1.41421,1.61803\n" * 60,
    "def f(x):\n        if x:\n                return {'a': [1, 2, x]}\n" * 30,
    "春眠不觉晓处处闻啼鸟。夜来风雨声花落知多少。" * 20,
    "Съешь же ещё этих мягких французских булок, да выпей чаю. " * 20,
    "🙈🙉🙊👩‍👩‍👧‍👦" * 50,
    "aGVsbG8gd29ybGQgdGhpcyBpcyBiYXNlNjQ" * 40,
    "<div class='a'><span>x</span></div>\n" * 40,
    "x" * 3_000 + " " * 3_000 + "=" * 3_000,
)

LETTERS = st.sampled_from(
    [*"abcxyzABCZ0189 \n\t\r.,;:'!?/\"{}[]()_-+=#", "  ", "\r\n", "'s", "'ll", "é", "春", "。", "я", "ि", "न",
     "\u0301", "\u00a0", "\u200b", "\u2028", "\x1c", "\x85", "🙈", "Ǆ", "²", "٣", "\uff41", "\ud800"]
)  # fmt: skip
WORDS = st.lists(LETTERS, min_size=1, max_size=60).map("".join)
RUNS = st.builds(lambda letter, count: letter * count, LETTERS, st.integers(1, 9_000))
COSTLY = {
    "blanks": " ",
    "newlines": "\n",
    "blank lines": "\n ",
    "one letter": "a",
    "letters": "".join(random.Random(1).choices("abcdefgh", k=50_000)),
    "base64": base64.b64encode(random.Random(1).randbytes(60_000)).decode(),
    "digits": "7",
    "marks": "!",
    "underscores": "_",
    "emojis": "😀",
    "Chinese": "".join(map(chr, random.Random(1).choices(range(0x4E00, 0x9FFF), k=50_000))),
    "zero width": "\u200b",
    "accents": "a" + "\u0301" * 5_000,
    "Hindi": "नमस्ते",
    "surrogates": "\ud800",
}


@pytest.fixture(scope="module")
def claude_tokenizer() -> Any:
    """The one foreign tokenizer that LiteLLM ships: Anthropic's old one."""
    from importlib.resources import files

    from tokenizers import Tokenizer

    data = files("litellm").joinpath("litellm_core_utils/tokenizers/anthropic_tokenizer.json")
    return Tokenizer.from_str(data.read_text(encoding="utf-8"))


@pytest.mark.usefixtures("litellm")
class TestCount:
    @pytest.mark.parametrize("text", SAMPLES)
    def test_of_an_unknown_tokenizer_bounds_those_at_hand(self, text: str, claude_tokenizer: Any) -> None:
        found = count_text(text, None)
        counts = [len(claude_tokenizer.encode(text).ids)]
        counts += [len(encoding_named(name).encode_ordinary(text)) for name in ("cl100k_base", "o200k_base")]
        assert max(counts) <= found.ceiling <= found.utf8_bytes

    @given(st.text(max_size=300))
    def test_is_at_most_the_bytes(self, text: str) -> None:
        for name in (None, "cl100k_base", "o200k_base"):
            found = count_text(text, name)
            assert found.estimate <= found.ceiling <= found.utf8_bytes == len(text.encode())

    def test_of_a_digit_by_digit_tokenizer_is_covered(self) -> None:
        assert count_text("1" * 900, None).ceiling == 900

    def test_of_english_is_less_than_half_the_bytes(self) -> None:
        found = count_text(SAMPLES[0], None)
        assert found.ceiling < found.utf8_bytes / 2

    def test_survives_a_lone_surrogate(self) -> None:
        assert count_text("\ud800", None).utf8_bytes == 3

    def test_of_a_giant_text_is_its_bytes(self) -> None:
        found = count_text("a" * (tokens.COUNTED_CHARS_MAX + 1), None)
        assert found.ceiling == found.utf8_bytes == tokens.COUNTED_CHARS_MAX + 1

    @given(WORDS, st.sampled_from(["cl100k_base", "o200k_base"]))
    def test_in_slices_is_what_the_tokenizer_gives(self, text: str, name: str) -> None:
        words = f"a{text} b{text}, "
        long = words * (20_000 // len(words) + 1)
        assert count_text(long, name).estimate == len(encoding_named(name).encode_ordinary(long))

    @settings(max_examples=40)
    @given(
        st.lists(WORDS | RUNS, min_size=1, max_size=6), st.sampled_from([None, "cl100k_base", "o200k_base"])
    )
    def test_is_never_lower_than_the_tokenizers_whatever_is_not_counted(
        self, texts: list[str], name: str | None
    ) -> None:
        text = "".join(texts)
        counts = [
            len(encoding_named(each).encode_ordinary(text))
            for each in ((name,) if name else ("cl100k_base", "o200k_base"))
        ]
        for cpu_s in (lambda: 0.0, itertools.count().__next__):  # all the time; none but the first slice's
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(time, "thread_time", cpu_s)
                found = count_text(text, name)
            assert max(counts) <= found.ceiling <= found.utf8_bytes

    @pytest.mark.parametrize("text", COSTLY)
    def test_of_any_text_takes_half_a_second_a_megabyte_at_most(self, text: str) -> None:
        size = 1_000_000
        long = (COSTLY[text] * (size // len(COSTLY[text]) + 1))[:size]
        began = time.thread_time()
        found = count_text(long, "o200k_base")
        assert time.thread_time() - began < tokens.CPU_MIN_S + tokens.CPU_PER_BYTE_S * found.utf8_bytes + 0.2

    def test_of_a_long_text_leaves_the_event_loop(self, monkeypatch: pytest.MonkeyPatch) -> None:
        threads: list[int] = []
        counted = tokens.count_text

        def watched(text: str, name: str | None) -> tokens.TextTokens:
            threads.append(threading.get_ident())
            return counted(text, name)

        monkeypatch.setattr(tokens, "count_text", watched)
        asyncio.run(count_texts("a " * 100, [None]))
        asyncio.run(count_texts("a " * tokens.OFF_LOOP_CHARS_MIN, [None, None]))
        assert [thread == threading.get_ident() for thread in threads] == [True, False]


def test_openais_models_have_a_known_tokenizer_and_others_have_none() -> None:
    assert exact_encoding_name("gpt-4o-mini") == "o200k_base"
    assert exact_encoding_name("gpt-4-turbo") == "cl100k_base"
    assert exact_encoding_name("claude-sonnet-4-5") is None
