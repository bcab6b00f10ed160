"""Estimates the most tokens that a provider may count in a text.

Three figures of one text, from certain to likely:

- **bytes**: no tokenizer in use makes more tokens than UTF-8 bytes (byte-level BPE and byte fallback cover
  every byte with at most one token). Proven, about four times too large for English.
- **ceiling**: where the model's own tokenizer is public (OpenAI), its count. Elsewhere twice the count of
  cl100k, plus one for each digit, each byte that is not ASCII and each run of four spaces, where tokenizers
  differ most; never more than the bytes.
- **estimate**: the count itself. Endings that pay only for the input are charged by it.

Some texts take a tokenizer seconds per megabyte (long runs of blanks or of one letter, base64), ordinary ones
a tenth. So a text is counted in slices, cut where every tokenizer here cuts anyway, until it has used several
times the CPU of an ordinary text of its length; the rest counts by its bytes.
"""

from __future__ import annotations

import asyncio
import functools
import math
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import NamedTuple, Protocol, TypeVar

from billing.proxy.max_cost.known_counts import KnownCounts

Result = TypeVar("Result")

OFF_LOOP_CHARS_MIN = 8_000  # beyond this, counting leaves the event loop (1 ms, at worst 20)
COUNTED_CHARS_MAX = 2_000_000  # beyond this, bytes alone are used
CPU_MIN_S = 0.02
CPU_PER_BYTE_S = 0.5e-6  # English, code and Chinese take 0.04 to 0.2
CPU_MAX_S = 1.0
GENERIC_ENCODING = "cl100k_base"
_AT_HAND = (GENERIC_ENCODING, "o200k_base")  # in the files that LiteLLM ships

_EXACT_MARGIN = 1.02  # a joined text may split differently at its seams
_UNKNOWN_FACTOR = 2
_SLICE_CHARS = 8_192
_KNOWN_SLICES = 20_000  # 160 MB of text
_RUN_CHARS = 4_096  # ordinary text has word ends more often than this
# Any character before a blank; a letter or digit before what never belongs to the same piece in cl100k and
# o200k. Their patterns end a piece there, so the slices together have exactly the tokens of the whole.
_WORD_END = re.compile(
    r"\S(?=[ \t])"
    r"|[A-Za-z0-9\u0410-\u044f\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fff\uac00-\ud7a3]"
    r"(?=[\n\r\"#$%&()*+,\-./:;<=>?@\[\\\]^_`{|}~\u3001\u3002\uff0c\uff01\uff1f\uff1b\uff1a])"
)
_SEARCHED_CHARS = 65_536  # per step: searching does not release the GIL
# Counting uses at most one core; the event loop and Postgres keep the others.
_counting = ThreadPoolExecutor(max(1, (os.cpu_count() or 1) - 1), thread_name_prefix="tokens")
_known = KnownCounts(_KNOWN_SLICES)
_DIGITS_AND_HIGH = b"0123456789" + bytes(range(128, 256))


class Encoding(Protocol):
    """The part of a tiktoken encoding that we use."""

    name: str

    def encode_ordinary(self, text: str) -> list[int]: ...


class TextTokens(NamedTuple):
    """The three figures of one text under one encoding."""

    estimate: int
    ceiling: int
    utf8_bytes: int


@lru_cache(maxsize=4)
def encoding_named(name: str) -> Encoding:
    """Loads a tiktoken encoding from the files that LiteLLM ships; the first use takes half a second."""
    import litellm.litellm_core_utils.default_encoding  # noqa: F401 - points tiktoken at LiteLLM's files
    import tiktoken

    return tiktoken.get_encoding(name)


@lru_cache(maxsize=4096)
def exact_encoding_name(model: str) -> str | None:
    """Returns the encoding that OpenAI documents for a model, if its file is shipped; else None."""
    import tiktoken

    try:
        name = tiktoken.encoding_name_for_model(model)
    except KeyError:
        return None
    return name if name in _AT_HAND else None


def load_encodings() -> None:
    """Loads the encodings in use, half a second of disk and CPU: run it in a thread at start-up."""
    for name in _AT_HAND:
        encoding_named(name).encode_ordinary("warm")


def count_text(text: str, encoding_name: str | None) -> TextTokens:
    """Counts on this thread. `encoding_name` None: unknown tokenizer."""
    data = text.encode("utf-8", "surrogatepass")
    if len(text) > COUNTED_CHARS_MAX:
        return TextTokens(estimate=math.ceil(len(data) / 3), ceiling=len(data), utf8_bytes=len(data))
    counted = _count(text, len(data), encoding_named(encoding_name or GENERIC_ENCODING), time.thread_time)
    if encoding_name is not None:
        ceiling = math.ceil(counted.tokens * _EXACT_MARGIN) + counted.rest_bytes
        return TextTokens(counted.estimate, min(ceiling, len(data)), len(data))
    spread = len(data) - len(data.translate(None, delete=_DIGITS_AND_HIGH)) + text.count("    ")
    ceiling = _UNKNOWN_FACTOR * counted.tokens + counted.rest_bytes + spread
    return TextTokens(counted.estimate, min(ceiling, len(data)), len(data))


class _Counted(NamedTuple):
    """How much of a text was counted, and how much was not."""

    tokens: int
    rest_bytes: int
    rest_likely: int

    @property
    def estimate(self) -> int:
        """The likely tokens of the whole text."""
        return self.tokens + self.rest_likely


def _count(text: str, utf8_bytes: int, encoding: Encoding, cpu_s: Callable[[], float]) -> _Counted:
    """Counts slice by slice within the text's CPU budget. Of a slice without a word end, counts the beginning
    and extrapolates.
    """
    give_up_at = cpu_s() + min(CPU_MAX_S, CPU_MIN_S + CPU_PER_BYTE_S * utf8_bytes)
    tokens = rest_bytes = 0
    a_byte, likely = 1 / 3, 0.0
    for piece in _slices(text):
        size = len(piece.encode("utf-8", "surrogatepass"))
        is_long = len(piece) > _SLICE_CHARS + _RUN_CHARS
        if cpu_s() < give_up_at:
            start = piece[:_SLICE_CHARS] if is_long else piece
            data = start.encode("utf-8", "surrogatepass")
            count = _tokens(start, data, encoding)
            a_byte = count / max(1, len(data))
            if not is_long:
                tokens += count
                continue
        rest_bytes += size
        likely += size * a_byte
    return _Counted(tokens, rest_bytes, math.ceil(likely))


def _tokens(text: str, data: bytes, encoding: Encoding) -> int:
    def counted() -> int:
        return len(encoding.encode_ordinary(text))

    return counted() if len(text) < _SLICE_CHARS else _known.count(encoding.name, data, counted)


def _slices(text: str) -> Iterator[str]:
    """Yields slices that end with a word; a slice is long if no word ends."""
    begin = 0
    while len(text) - begin > _SLICE_CHARS + _RUN_CHARS:
        end = _word_end(text, begin + _SLICE_CHARS)
        yield text[begin:end]
        begin = end
    yield text[begin:]


def _word_end(text: str, begin: int) -> int:
    """Returns where the next word ends, or the end of the text."""
    while begin < len(text):
        found = _WORD_END.search(text, begin, begin + _SEARCHED_CHARS)
        if found is not None:
            return found.end()
        begin += _SEARCHED_CHARS - 1  # the last character was not seen together with the next one
    return len(text)


async def count_texts(text: str, encoding_names: Sequence[str | None]) -> dict[str | None, TextTokens]:
    """Counts one text under several encodings; a long one in a thread (the tokenizer releases the GIL)."""
    names = tuple(dict.fromkeys(encoding_names))
    if len(text) <= OFF_LOOP_CHARS_MIN:
        return {name: count_text(text, name) for name in names}
    counting = functools.partial(count_text, text)
    return {name: await in_counting_thread(functools.partial(counting, name)) for name in names}


async def in_counting_thread(count: Callable[[], Result]) -> Result:
    """Runs `count` in the counting threads: few at a time, off the event loop."""
    return await asyncio.get_running_loop().run_in_executor(_counting, count)
