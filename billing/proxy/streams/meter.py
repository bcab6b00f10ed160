"""Counts how many output tokens a stream has used so far.

Maximum: bytes first, tokens where it matters. No tokenizer makes more tokens than UTF-8 bytes, so a text
counts by its bytes until those would require more credit; then its tokens are counted, once
(`max_cost/tokens.py`). Likely: the token count, but at least the number of chunks, since each chunk has at
least one token. If the provider reports usage while it writes (Gemini), its count plus ours of what came
since.
"""

from __future__ import annotations

from billing.proxy.max_cost.streamed import FRAME_TOKENS, StreamedOutput
from billing.proxy.max_cost.tokens import count_text
from billing.proxy.streams.dialects import Output

_BYTES_PER_TOKEN = 4  # an estimate, for what is not counted as text
_FRAME_LIKELY = 8
_PENDING_BYTES_MAX = 8 * 1024  # counting them takes half a millisecond


class OutputMeter:
    """Counts one stream."""

    def __init__(self, how: StreamedOutput, *, by_bytes: bool) -> None:
        self._encoding = how.encoding
        self._by_bytes = by_bytes
        self._hidden = how.hidden_tokens
        self._frames = 0
        self._other_bytes = 0
        self._counted = 0
        self._likely = 0
        self._chunks = 0
        self._reported = 0
        self._likely_when_reported = 0
        self._pending: list[str] = []
        self._pending_bytes = 0

    def add(self, output: Output) -> None:
        """Counts one event with information about output."""
        self._chunks += output.shows
        self._frames += output.frames
        self._other_bytes += output.other_bytes
        self._pending.append(output.text)
        self._pending_bytes += len(output.text.encode("utf-8", "surrogatepass"))
        if self._pending_bytes > _PENDING_BYTES_MAX:
            self.tighten()
        if output.reported_tokens > self._reported:
            self.tighten()  # so that earlier text is not counted again
            self._reported = output.reported_tokens
            self._likely_when_reported = self._own_likely

    @property
    def tokens_max(self) -> int:
        """The maximum number of tokens a provider bills for all of it."""
        text = max(self._counted + self._pending_bytes, self._chunks)
        shown = text + self._other_bytes + FRAME_TOKENS * self._frames
        return self._hidden + max(shown, self._reported)

    @property
    def tokens_likely(self) -> int:
        """The number of tokens likely billed."""
        return self._reported + max(0, self._own_likely - self._likely_when_reported)

    @property
    def _own_likely(self) -> int:
        text = max(self._likely + self._pending_bytes // _BYTES_PER_TOKEN, self._chunks)
        return text + self._other_bytes // _BYTES_PER_TOKEN + _FRAME_LIKELY * self._frames

    def tighten(self) -> None:
        """Replaces byte counts by token counts."""
        count = count_text("".join(self._pending), self._encoding)
        self._counted += self._pending_bytes if self._by_bytes else count.ceiling
        self._likely += count.estimate
        self._pending.clear()
        self._pending_bytes = 0
