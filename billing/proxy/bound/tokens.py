"""How many tokens a provider may count in a text, at most.

Three figures of one text, from certain to likely:

- **bytes**: no tokenizer in use makes more tokens than UTF-8 bytes (byte-level BPE and byte fallback cover
  every byte with at most one token). Proven, about four times too large for English.
- **ceiling**: where the model's own tokenizer is public (OpenAI), its count. Elsewhere twice the count of
  cl100k, plus one for each digit, each byte that is not ASCII and each run of four spaces, where tokenizers
  differ most; never more than the bytes.
- **estimate**: the count itself. What an ending that pays for input alone is charged by.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, Protocol

OFF_LOOP_CHARS_MIN = 20_000  # beyond this, counting leaves the event loop (about 1 ms)
COUNTED_CHARS_MAX = 2_000_000  # beyond this, bytes alone are used: counting would take a second of CPU
GENERIC_ENCODING = "cl100k_base"
_AT_HAND = (GENERIC_ENCODING, "o200k_base")  # in the files that LiteLLM ships

_EXACT_MARGIN = 1.02  # a joined text may split differently at its seams
_UNKNOWN_FACTOR = 2
_DIGITS_AND_HIGH = b"0123456789" + bytes(range(128, 256))


class Encoding(Protocol):
    """What we use of a tiktoken encoding."""

    def encode_ordinary(self, text: str) -> list[int]: ...


class TextTokens(NamedTuple):
    """The three figures of one text under one encoding."""

    estimate: int
    ceiling: int
    utf8_bytes: int


@lru_cache(maxsize=4)
def encoding_named(name: str) -> Encoding:
    """A tiktoken encoding from the files that LiteLLM ships; the first use reads for half a second."""
    import litellm.litellm_core_utils.default_encoding  # noqa: F401 - points tiktoken at LiteLLM's files
    import tiktoken

    return tiktoken.get_encoding(name)


@lru_cache(maxsize=4096)
def exact_encoding_name(model: str) -> str | None:
    """The encoding that OpenAI documents for a model name, where the files are at hand; else None."""
    import tiktoken

    try:
        name = tiktoken.encoding_name_for_model(model)
    except KeyError:
        return None
    return name if name in _AT_HAND else None


def load_encodings() -> None:
    """Reads the encodings in use, half a second of disk and CPU: run it in a thread at start-up."""
    for name in _AT_HAND:
        encoding_named(name).encode_ordinary("warm")


def count_text(text: str, encoding_name: str | None) -> TextTokens:
    """Counts on this thread. `encoding_name` None: the tokenizer is not known."""
    data = text.encode("utf-8", "surrogatepass")
    if len(text) > COUNTED_CHARS_MAX:
        return TextTokens(estimate=math.ceil(len(data) / 3), ceiling=len(data), utf8_bytes=len(data))
    count = len(encoding_named(encoding_name or GENERIC_ENCODING).encode_ordinary(text))
    if encoding_name is not None:
        return TextTokens(count, min(math.ceil(count * _EXACT_MARGIN), len(data)), len(data))
    spread = len(data) - len(data.translate(None, delete=_DIGITS_AND_HIGH)) + text.count("    ")
    return TextTokens(count, min(_UNKNOWN_FACTOR * count + spread, len(data)), len(data))


async def count_texts(text: str, encoding_names: Sequence[str | None]) -> dict[str | None, TextTokens]:
    """Counts one text under several encodings; a long one in a thread (the tokenizer frees the GIL)."""
    names = tuple(dict.fromkeys(encoding_names))
    if len(text) <= OFF_LOOP_CHARS_MIN:
        return {name: count_text(text, name) for name in names}
    return {name: await asyncio.to_thread(count_text, text, name) for name in names}
