"""Reads the output in each API's stream, and ends a stream in that API's format.

Each dialect reads the events as they pass and keeps what it needs to close the stream in the API's own
format: a finish reason, an error with the top-up URL, and the end.

Sources: https://platform.openai.com/docs/api-reference/chat-streaming,
https://platform.openai.com/docs/api-reference/responses-streaming,
https://docs.claude.com/en/docs/build-with-claude/streaming,
https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from pydantic import JsonValue

from billing.proxy.streams.events import event_of

Data = Mapping[str, object]
ErrorDetail = dict[str, JsonValue]
DONE = b"data: [DONE]\n\n"

_LABELS = frozenset({"role", "type", "id", "index", "object", "finish_reason", "status"})
# OpenRouter's answers repeat in these what LiteLLM shows as `reasoning_content`.
_LABELS_AND_REASONING = _LABELS | {"reasoning", "reasoning_details"}


@dataclass(frozen=True, slots=True)
class Output:
    """What one event adds to the answer."""

    text: str = ""
    other_bytes: int = 0  # UTF-8 bytes of non-text output: tool call arguments, signatures
    frames: int = 0  # tool calls that begin here
    reported_tokens: int = 0  # of all output so far, as counted by the provider; 0: not reported

    @property
    def is_empty(self) -> bool:
        """Whether the event contains no information about output."""
        return not self.shows and not self.reported_tokens

    @property
    def shows(self) -> bool:
        """Whether the event contains output."""
        return bool(self.text or self.other_bytes or self.frames)


NOTHING = Output()


class Dialect(Protocol):
    """One API's stream, from its first event to its last."""

    failed: bool  # the stream itself reported an error

    def read(self, data: Data) -> Output:
        """Returns what the event adds."""

    def ending(self, error: ErrorDetail, output_tokens: int) -> bytes:
        """Returns the events that end the stream: finish reason, error, end.

        `output_tokens` is approximate.
        """


class ChatDialect:
    """`/v1/chat/completions`, and `/v1/completions`, which has `text` instead of a delta."""

    def __init__(self, *, chat: bool) -> None:
        self.failed = False
        self._chat = chat
        self._outer: dict[str, object] = {}

    def read(self, data: Data) -> Output:
        """Sums the choices' deltas."""
        names = ("id", "object", "created", "model", "system_fingerprint")
        self._outer = {name: data[name] for name in names if name in data}
        self.failed = self.failed or bool(data.get("error"))
        choices = data.get("choices")
        outputs = [self._read(choice) for choice in choices] if isinstance(choices, list) else []
        return Output(
            text="".join(output.text for output in outputs),
            other_bytes=sum(output.other_bytes for output in outputs),
            frames=sum(output.frames for output in outputs),
        )

    def _read(self, choice: object) -> Output:
        if not isinstance(choice, Mapping):
            return NOTHING
        delta = choice.get("delta") if self._chat else {"text": choice.get("text")}
        if not isinstance(delta, Mapping):
            return NOTHING
        unread = _LABELS
        if delta.get("reasoning_content") and isinstance(delta["reasoning_content"], str):
            unread = _LABELS_AND_REASONING
        texts = [value for name, value in delta.items() if isinstance(value, str) and name not in unread]
        rest = [
            value for name, value in delta.items() if isinstance(value, Mapping | list) and name not in unread
        ]
        calls = delta.get("tool_calls")
        return Output(
            text="".join(texts),
            other_bytes=sum(map(_text_bytes, rest)),
            frames=sum(map(_begins_call, calls if isinstance(calls, list) else ())),
        )

    def ending(self, error: ErrorDetail, output_tokens: int) -> bytes:
        """Returns a chunk with `finish_reason: length`, a chunk with the error, and `[DONE]`."""
        empty: dict[str, object] = {"delta": {}} if self._chat else {"text": ""}
        choice = {"index": 0, **empty, "logprobs": None, "finish_reason": "length"}
        return event_of({**self._outer, "choices": [choice]}) + event_of({"error": error}) + DONE


class MessagesDialect:
    """Anthropic's `/v1/messages`."""

    def __init__(self) -> None:
        self.failed = False
        self._open_block: object = None

    def read(self, data: Data) -> Output:
        """Reads the text and arguments of content blocks."""
        match data.get("type"):
            case "content_block_start":
                self._open_block = data.get("index")
                block = data.get("content_block")
                is_call = isinstance(block, Mapping) and str(block.get("type", "")).endswith("tool_use")
                return Output(other_bytes=_text_bytes(block), frames=1 if is_call else 0)
            case "content_block_delta":
                delta = data.get("delta")
                text = delta.get("text") if isinstance(delta, Mapping) else None
                return Output(text=text) if isinstance(text, str) else Output(other_bytes=_text_bytes(delta))
            case "content_block_stop":
                self._open_block = None
            case "error":
                self.failed = True
        return NOTHING

    def ending(self, error: ErrorDetail, output_tokens: int) -> bytes:
        """Closes the open block; then `stop_reason: max_tokens`, the error, and the end of the message."""
        closing = b""
        if self._open_block is not None:
            stop = {"type": "content_block_stop", "index": self._open_block}
            closing = event_of(stop, "content_block_stop")
        delta = {"stop_reason": "max_tokens", "stop_sequence": None}
        events: list[dict[str, object]] = [
            {"type": "message_delta", "delta": delta, "usage": {"output_tokens": output_tokens}},
            {"type": "error", "error": error},
            {"type": "message_stop"},
        ]
        return closing + b"".join(event_of(event, str(event["type"])) for event in events)


class ResponsesDialect:
    """OpenAI's `/v1/responses`."""

    def __init__(self) -> None:
        self.failed = False
        self._response: dict[str, object] = {}
        self._finished: list[object] = []
        self._sequence = 0

    def read(self, data: Data) -> Output:
        """Reads the deltas of text, reasoning and arguments, and the names of calls."""
        sequence = data.get("sequence_number")
        self._sequence = sequence if isinstance(sequence, int) else self._sequence
        kind = str(data.get("type", ""))
        match kind:
            case "response.created" | "response.in_progress":
                response = data.get("response")
                self._response = dict(response) if isinstance(response, Mapping) else self._response
                return NOTHING
            case "response.output_item.added":
                item = data.get("item")
                is_call = isinstance(item, Mapping) and str(item.get("type", "")).endswith("_call")
                return Output(other_bytes=_text_bytes(item) if is_call else 0, frames=1 if is_call else 0)
            case "response.output_item.done":
                self._finished.append(data.get("item"))
                return NOTHING
        self.failed = self.failed or kind in {"response.failed", "error"}
        if not kind.endswith(".delta"):
            return NOTHING
        delta = data.get("delta")
        if isinstance(delta, str) and "arguments" not in kind:
            return Output(text=delta)
        return Output(other_bytes=_text_bytes(delta))

    def ending(self, error: ErrorDetail, output_tokens: int) -> bytes:
        """Returns an `error` event, and the response as `incomplete` with the finished items."""
        failure = {**error, "type": "error", "sequence_number": self._sequence + 1}
        response = {
            **self._response,
            "status": "incomplete",
            "incomplete_details": {"reason": "max_output_tokens"},
            "output": self._finished,
        }
        end = {
            "type": "response.incomplete",
            "sequence_number": self._sequence + 2,
            "response": response,
        }
        return event_of(failure, "error") + event_of(end, "response.incomplete")


class GenerateDialect:
    """Gemini's `:streamGenerateContent`, which LiteLLM always requests as events (`alt=sse`).

    Thoughts are billed as output whether they are shown or not; the usage in each chunk includes them.
    """

    def __init__(self) -> None:
        self.failed = False
        self._outer: dict[str, object] = {}

    def read(self, data: Data) -> Output:
        """Reads the candidates' parts: text, and function calls."""
        self._outer = {name: data[name] for name in ("responseId", "modelVersion") if name in data}
        self.failed = self.failed or bool(data.get("error"))
        candidates = data.get("candidates")
        parts = [part for one in candidates for part in _parts(one)] if isinstance(candidates, list) else []
        texts = (part.get("text") for part in parts)
        return Output(
            text="".join(text for text in texts if isinstance(text, str)),
            other_bytes=sum(map(_other_bytes, parts)),
            frames=sum("functionCall" in part for part in parts),
            reported_tokens=_reported_tokens(data.get("usageMetadata")),
        )

    def ending(self, error: ErrorDetail, output_tokens: int) -> bytes:
        """Returns a chunk with `finishReason: MAX_TOKENS`, and a chunk with the error."""
        content = {"role": "model", "parts": [{"text": ""}]}
        candidate = {"content": content, "finishReason": "MAX_TOKENS", "index": 0}
        return event_of({**self._outer, "candidates": [candidate]}) + event_of({"error": error})


def dialect_named(call_type: str) -> Dialect | None:
    """Returns the dialect of a call type's stream; None if it is not supported."""
    match call_type:
        case "acompletion":
            return ChatDialect(chat=True)
        case "atext_completion":
            return ChatDialect(chat=False)
        case "anthropic_messages":
            return MessagesDialect()
        case "aresponses":
            return ResponsesDialect()
        case "agenerate_content_stream":
            return GenerateDialect()
    return None


def _begins_call(call: object) -> bool:
    function = call.get("function") if isinstance(call, Mapping) else None
    return isinstance(function, Mapping) and bool(function.get("name"))


def _parts(candidate: object) -> list[Mapping[str, object]]:
    content = candidate.get("content") if isinstance(candidate, Mapping) else None
    parts = content.get("parts") if isinstance(content, Mapping) else None
    return [part for part in parts if isinstance(part, Mapping)] if isinstance(parts, list) else []


def _other_bytes(part: Mapping[str, object]) -> int:
    """Counts what a part has besides text, as JSON; a thought's signature is not output."""
    unbilled = ("text", "thought", "thoughtSignature")
    rest = {name: value for name, value in part.items() if name not in unbilled}
    return len(json.dumps(rest, ensure_ascii=False).encode("utf-8", "surrogatepass")) if rest else 0


def _reported_tokens(usage: object) -> int:
    names = ("candidatesTokenCount", "thoughtsTokenCount")
    counts = [usage.get(name) for name in names] if isinstance(usage, Mapping) else []
    return sum(count for count in counts if isinstance(count, int) and count > 0)


def _text_bytes(value: object) -> int:
    """Counts the UTF-8 bytes of all strings inside, except labels."""
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in _texts(value))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            if name not in _LABELS:
                yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
