"""Reads from a provider's streamed response, as it arrives, whether the provider reports usage.

LiteLLM fills in a guess where a stream has none: it counts the messages, without tools and `system`, and
what was shown, and names the result like a provider's own. The bytes tell the two apart.

Sources: OpenAI's `chat.completion.chunk` and Responses events, Anthropic's Messages events, Gemini's
`GenerateContentResponse`, Cohere's `billed_units`, Ollama's `prompt_eval_count`. If a provider reports it
in a place that LiteLLM does not read (Groq's `x_groq`, Moonshot's `choices`), LiteLLM guesses, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import orjson

_LINE_BYTES_MAX = 1024 * 1024  # of one event
_JSON_STARTS = (b"{", b"data:", b"[", b",")
# One of these stands in each event that can report usage, in whatever API.
_MARKS = (b"sage", b"billed_units", b"eval_count")
_REPORTS = ("usage", "usageMetadata", "usage_metadata", "billed_units", "tokens")
_INSIDE = ("message", "response", "meta", "delta", "interaction", "final_result", *_REPORTS)
_DEPTH_MAX = 5  # of a report in its event
_COUNTS = ("prompt_eval_count", "eval_count")
# What an event of an answer has, in the APIs whose reports of usage we know.
_LISTS = ("choices", "candidates")
_TYPES = ("response.", "message_start", "content_block_", "message-start", "content-delta")
_COHERE_V1_TYPES = ("stream-start", "text-generation")


class ReportedUsage:
    """Follows one streamed response. Claims nothing about a response that it cannot read as a whole."""

    __slots__ = ("_answers", "_line", "_reports", "_unreadable")

    def __init__(self) -> None:
        self._answers = False
        self._reports = False
        self._unreadable = False  # an event was too long or no JSON: it may have reported usage
        self._line = bytearray()

    def feed(self, piece: bytes) -> None:
        """Takes the next bytes of the body, decompressed."""
        if self._reports or self._unreadable:
            return
        first, *others = piece.split(b"\n")
        self._extend(first)
        for line in others:
            if self._line:
                self._end_line()
            if line:
                self._extend(line)

    @property
    def is_answer(self) -> bool:
        """Whether so far it is an answer in an API that we can read, in which a provider reports usage."""
        if self._unreadable:
            return False
        return self._answers or is_answer(_event_of(bytes(self._line)))

    @property
    def is_reported(self) -> bool:
        """Whether so far it names the usage. Its last line may lack a line break."""
        return self._reports or reports_usage(bytes(self._line))

    def _extend(self, part: bytes) -> None:
        if len(self._line) + len(part) > _LINE_BYTES_MAX:
            self._unreadable = True
            self._line.clear()
        if not self._unreadable:
            self._line += part

    def _end_line(self) -> None:
        line = bytes(self._line)
        self._line.clear()
        if self._answers and not any(mark in line for mark in _MARKS):
            return
        event = _event_of(line)
        self._unreadable = event is None and _is_event(line)
        self._answers = self._answers or is_answer(event)
        self._reports = self._reports or reports_usage(line)


def reports_usage(line: bytes) -> bool:
    """Whether a line of a stream (SSE, or JSON lines) names a positive number of tokens or units."""
    if not any(mark in line for mark in _MARKS):
        return False
    event = _event_of(line)
    return event is not None and any(map(_counts_something, _reports(event, _DEPTH_MAX)))


def is_answer(event: Mapping[str, object] | None) -> bool:
    """Whether an event is part of an answer in one of the APIs that we know."""
    if event is None:
        return False
    if any(isinstance(event.get(name), list) for name in _LISTS):
        return True
    kind, kind_v1 = event.get("type"), event.get("event_type")
    if isinstance(kind, str) and kind.startswith(_TYPES):
        return True
    if isinstance(kind_v1, str) and kind_v1 in _COHERE_V1_TYPES:
        return True
    return isinstance(event.get("done"), bool) and "model" in event  # Ollama


def _is_event(line: bytes) -> bool:
    return line.lstrip().startswith(_JSON_STARTS) and b"{" in line


def _event_of(line: bytes) -> Mapping[str, object] | None:
    """The JSON object in a line; None where there is none."""
    start = line.find(b"{")
    if start < 0 or not _is_event(line):
        return None
    text = line[start:].rstrip(b"\r\t, ]")
    try:
        event = orjson.loads(text)
    except orjson.JSONDecodeError:
        event = _leniently(text)
    return event if isinstance(event, dict) else None


def _leniently(text: bytes) -> object:
    """Parses what orjson refuses: providers split an emoji into two events, half a surrogate pair in each."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _reports(event: Mapping[str, object], depth: int) -> Iterator[object]:
    for name in _REPORTS:
        yield event.get(name)
    yield {name: event.get(name) for name in _COUNTS}
    for name in _INSIDE:
        inner = event.get(name)
        if isinstance(inner, dict) and depth > 1:
            yield from _reports(inner, depth - 1)


def _counts_something(report: object) -> bool:
    return isinstance(report, dict) and any(
        type(value) in (int, float) and value > 0 for value in report.values()
    )
