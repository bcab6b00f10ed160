"""Counts and cuts text in OpenAI's `cl100k_base` tokens, from the copy that the litellm package carries.

Only the file is used: importing litellm would take seconds.
"""

from __future__ import annotations

import importlib.util
import os
from functools import lru_cache
from pathlib import Path

import tiktoken

# What OpenAI adds to each message and to the whole, from its cookbook "How to count tokens with tiktoken".
TOKENS_PER_MESSAGE = 3
TOKENS_PER_REPLY = 3


@lru_cache(maxsize=1)
def encoding() -> tiktoken.Encoding:
    """Loads the tokenizer. Raises FileNotFoundError if the litellm package is not installed."""
    spec = importlib.util.find_spec("litellm")
    for root in spec.submodule_search_locations or () if spec else ():
        directory = Path(root) / "litellm_core_utils" / "tokenizers"
        if directory.is_dir():
            os.environ["TIKTOKEN_CACHE_DIR"] = str(directory)
            return tiktoken.get_encoding("cl100k_base")
    raise FileNotFoundError("the litellm package with its tokenizer files is not installed")


@lru_cache(maxsize=4096)
def count(text: str) -> int:
    """Counts the tokens of a text."""
    return len(encoding().encode_ordinary(text))


def split(text: str) -> list[str]:
    """The text as one string a token; joined they are the text again.

    Characters of several tokens stay whole: their pieces are one string.
    """
    pieces: list[str] = []
    pending = b""
    for token in encoding().encode_ordinary(text):
        pending += encoding().decode_single_token_bytes(token)
        try:
            pieces.append(pending.decode())
        except UnicodeDecodeError:
            continue
        pending = b""
    return pieces
