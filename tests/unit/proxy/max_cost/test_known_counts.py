"""What was counted before is recognized: under the same encoding, by all of its bytes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from billing.proxy.max_cost import tokens
from billing.proxy.max_cost.known_counts import KnownCounts


class Blanks:
    """A tokenizer that makes a token of each blank, and remembers what it was given."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.seen: list[str] = []

    def encode_ordinary(self, text: str) -> list[int]:
        self.seen.append(text)
        return [0] * text.count(" ")


@pytest.fixture
def blanks(monkeypatch: pytest.MonkeyPatch) -> Blanks:
    blanks = Blanks("blanks")
    monkeypatch.setattr(tokens, "encoding_named", lambda name: blanks)
    monkeypatch.setattr(tokens, "_known", KnownCounts(1_000))
    return blanks


def test_of_a_conversation_that_grew_only_what_is_new_is_counted(blanks: Blanks) -> None:
    conversation = "".join(f"turn {number} says something;\n" for number in range(4_000))
    first = tokens.count_text(conversation, "blanks")
    seen = sum(map(len, blanks.seen))
    assert (first.estimate, seen) == (12_000, len(conversation))
    blanks.seen.clear()
    grown = tokens.count_text(conversation + "one more turn", "blanks")
    assert grown.estimate == 12_002
    assert sum(map(len, blanks.seen)) < 13_000  # the last slice, which grew


def test_one_byte_makes_another_text(blanks: Blanks) -> None:
    text = "a word " * 3_000
    assert tokens.count_text(text, "blanks").estimate == 6_000
    assert tokens.count_text("a b c d" + text[6:], "blanks").estimate == 6_002


def test_short_texts_are_counted_each_time(blanks: Blanks) -> None:
    for _ in range(2):
        tokens.count_text("short", "blanks")
    assert blanks.seen == ["short"] * 2


def test_each_encoding_has_its_own_counts() -> None:
    known = KnownCounts(10)
    assert [known.count(name, b"text", lambda n=n: n) for n, name in enumerate("ab")] == [0, 1]  # type: ignore[misc]
    assert [known.count(name, b"text", lambda: 9) for name in "ab"] == [0, 1]


def test_what_was_not_used_for_longest_goes_first() -> None:
    known = KnownCounts(2)
    for text in (b"1", b"2", b"1", b"3"):
        known.count("a", text, lambda: 1)
    assert len(known) == 2
    assert [known.count("a", text, lambda: 2) for text in (b"1", b"3")] == [1, 1]
    assert known.count("a", b"2", lambda: 2) == 2


def test_threads_share_one() -> None:
    known = KnownCounts(50)

    def count(number: int) -> int:
        text = str(number % 100)
        return known.count("a", text.encode(), lambda: int(text))

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(count, range(20_000))) == [number % 100 for number in range(20_000)]
    assert len(known) == 50
