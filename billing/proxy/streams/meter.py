"""How many tokens of output a stream has cost so far, at most.

Bytes first, tokens where it matters: no tokenizer makes more tokens than UTF-8 bytes, so a text is counted by
its bytes until those would need more credit; then its tokens are counted once (`bound/tokens.py`). A chunk is
one token at least, also where a model writes a word in more pieces than its tokenizer would.
"""

from __future__ import annotations

from billing.proxy.bound.streamed import FRAME_TOKENS, StreamedOutput
from billing.proxy.bound.tokens import count_text
from billing.proxy.streams.dialects import Output

_CHARS_PER_TOKEN = 4  # a guess, for what was not counted


class OutputMeter:
    """Counts one stream."""

    def __init__(self, how: StreamedOutput, *, by_bytes: bool) -> None:
        self._encoding = how.encoding
        self._by_bytes = by_bytes
        self._other = how.hidden_tokens
        self._counted = 0
        self._likely = 0
        self._chunks = 0
        self._pending: list[str] = []
        self._pending_bytes = 0

    def add(self, output: Output) -> None:
        """Counts one event."""
        if output.is_empty:
            return
        self._chunks += 1
        self._other += output.other_bytes + FRAME_TOKENS * output.frames
        self._pending.append(output.text)
        self._pending_bytes += len(output.text.encode("utf-8", "surrogatepass"))

    @property
    def tokens_max(self) -> int:
        """What a provider bills for all of it, at most."""
        return self._other + max(self._counted + self._pending_bytes, self._chunks)

    @property
    def tokens_likely(self) -> int:
        """About how many tokens were shown."""
        return self._likely + sum(map(len, self._pending)) // _CHARS_PER_TOKEN

    def tighten(self) -> None:
        """Counts what was taken by its bytes."""
        count = count_text("".join(self._pending), self._encoding)
        self._counted += self._pending_bytes if self._by_bytes else count.ceiling
        self._likely += count.estimate
        self._pending.clear()
        self._pending_bytes = 0
