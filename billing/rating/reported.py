"""Reads from a provider's streamed response, as it arrives, whether the provider reports usage.

LiteLLM fills in a guess where a stream has none: it counts the messages, without tools and `system`, and
what was shown, and names the result like a provider's own. The bytes tell the two apart.

Sources: OpenAI's `chat.completion.chunk` and Responses events, Anthropic's Messages events, Gemini's
`GenerateContentResponse`, Groq's `x_groq`, Cohere's `billed_units`, Ollama's `prompt_eval_count`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import orjson

_LINE_BYTES_MAX = 1024 * 1024  # of one event; a longer one is an image or a recording
# One of these stands in each event that can report usage, in whatever API.
_MARKS = (b"sage", b"billed_units", b"eval_count")
# What shows that the response is an answer in an API whose reports of usage we know.
_ANSWERS = (b'"choices"', b'"candidates"', b'"message_start"', b'"response.', b'"prompt_eval_count"')
_REPORTS = ("usage", "usageMetadata", "usage_metadata", "billed_units", "tokens")
_INSIDE = ("message", "response", "x_groq", "meta", "delta", "interaction", *_REPORTS)
_COUNTS = ("prompt_eval_count", "eval_count")


class ReportedUsage:
    """Follows one streamed response. Knows nothing of a response whose format it cannot read."""

    __slots__ = ("_answers", "_line", "_reports", "_skips")

    def __init__(self) -> None:
        self._answers = False
        self._reports = False
        self._line = bytearray()
        self._skips = False  # the rest of a line that is too long

    def feed(self, piece: bytes) -> None:
        """Takes the next bytes of the body, decompressed."""
        if self._reports:
            return
        first, *others = piece.split(b"\n")
        self._extend(first)
        for line in others:
            self._end_line()
            self._extend(line)

    @property
    def is_answer(self) -> bool:
        """Whether so far it is an answer in an API that we can read, in which a provider reports usage."""
        return self._answers or self._shows_answer(self._line)

    @property
    def is_reported(self) -> bool:
        """Whether so far it names the usage. Its last line may lack a line break."""
        return self._reports or reports_usage(bytes(self._line))

    def _extend(self, part: bytes) -> None:
        if len(self._line) + len(part) > _LINE_BYTES_MAX:
            self._skips = True
            self._line.clear()
        if not self._skips:
            self._line += part

    def _end_line(self) -> None:
        line, self._line = bytes(self._line), bytearray()
        if self._skips:
            self._skips = False
            return
        self._answers = self._answers or self._shows_answer(line)
        self._reports = self._reports or reports_usage(line)

    @staticmethod
    def _shows_answer(line: bytes | bytearray) -> bool:
        return any(mark in line for mark in _ANSWERS)


def reports_usage(line: bytes) -> bool:
    """Whether a line of a stream (SSE, or JSON lines) names a positive number of tokens or units."""
    start = line.find(b"{")
    if start < 0 or not any(mark in line for mark in _MARKS):
        return False
    try:
        event = orjson.loads(line[start:].rstrip(b"\r, ]"))
    except orjson.JSONDecodeError:
        return False
    return isinstance(event, dict) and any(map(_counts_something, _reports(event)))


def _reports(event: Mapping[str, object]) -> Iterator[object]:
    for name in _REPORTS:
        yield event.get(name)
    yield {name: event.get(name) for name in _COUNTS}
    for name in _INSIDE:
        inner = event.get(name)
        if isinstance(inner, dict):
            yield from _reports(inner)


def _counts_something(report: object) -> bool:
    return isinstance(report, dict) and any(
        isinstance(value, int | float) and not isinstance(value, bool) and value > 0
        for value in report.values()
    )
