"""What the tests' own provider answers, in the shape of each API."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from tests.acceptance.endings.provider import Answer, Json

Found = TypeVar("Found")
WORDS = ("one ", "two ")  # a token each; LiteLLM ends a stream that says the same a hundred times
_CHUNK = {"object": "chat.completion.chunk", "created": 1, "model": "m"}
_MESSAGE = {"type": "message", "role": "assistant", "model": "m", "stop_sequence": None}
_RESPONSE = {"object": "response", "created_at": 1, "model": "m", "tools": [], "tool_choice": "auto"}
_PART = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
_EVENTS = "text/event-stream"


def whole(path: str, words: int, usage: Mapping[str, object]) -> Answer:
    """An answer in one piece, with that usage under the API's own names."""
    shapes: dict[str, Callable[[str], Json]] = {
        "/chat/completions": _chat,
        "/messages": lambda text: {**_MESSAGE, "content": [_text(text)], "stop_reason": "end_turn"},
        "/responses": _response,
        ":generateContent": lambda text: {"candidates": [{**_candidate(text), "finishReason": "STOP"}]},
    }
    name = "usageMetadata" if path.endswith(":generateContent") else "usage"
    body = {"id": _new_id(), **_by_end(shapes, path)("".join(WORDS) * (words // len(WORDS))), name: usage}
    return Answer(json.dumps(body).encode())


def chat_stream(_path: str, words: int, usage: Mapping[str, object]) -> Answer:
    """A chat's stream to its end."""
    chunk = {"id": _new_id(), **_CHUNK}
    last = {**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    ending = _events([last, {**chunk, "choices": [], "usage": usage}]) + b"data: [DONE]\n\n"
    return Answer(_chat_begun(words, chunk) + ending, _EVENTS)


def endless(path: str, words: int) -> Answer:
    """The beginning of a stream, as many words of it as fast as they are taken."""
    shapes: dict[str, Callable[[int], bytes]] = {
        "/chat/completions": lambda words: _chat_begun(words, {"id": _new_id(), **_CHUNK}),
        "/completions": _completion_begun,
        "/messages": _message_begun,
        "/responses": _response_begun,
        ":streamGenerateContent": lambda words: _repeated(
            words, lambda word: {"candidates": [_candidate(word)], "modelVersion": "m"}
        ),
    }
    return Answer(_by_end(shapes, path)(words), _EVENTS, stays_open=True)


def _chat(text: str) -> Json:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    return {**_CHUNK, "object": "chat.completion", "choices": [choice]}


def _response(text: str) -> Json:
    content = [{"type": "output_text", "text": text, "annotations": []}]
    message = {"type": "message", "id": "msg_1", "role": "assistant", "content": content}
    output = [{**message, "status": "completed"}]
    return {**_RESPONSE, "parallel_tool_calls": True, "status": "completed", "output": output}


def _chat_begun(words: int, chunk: Json) -> bytes:
    return _repeated(words, lambda word: {**chunk, "choices": [{"index": 0, "delta": {"content": word}}]})


def _completion_begun(words: int) -> bytes:
    chunk = {"id": _new_id(), **_CHUNK, "object": "text_completion"}
    return _repeated(words, lambda word: {**chunk, "choices": [{"index": 0, "text": word}]})


def _message_begun(words: int) -> bytes:
    usage = {"input_tokens": 10, "output_tokens": 1}
    message: Json = {"id": _new_id(), **_MESSAGE, "content": [], "stop_reason": None, "usage": usage}
    block = {"type": "content_block_start", "index": 0, "content_block": _text("")}
    delta = {"type": "content_block_delta", "index": 0}
    return _events([{"type": "message_start", "message": message}, block]) + _repeated(
        words, lambda word: {**delta, "delta": {"type": "text_delta", "text": word}}
    )


def _response_begun(words: int) -> bytes:
    response = {"id": _new_id(), **_response(""), "status": "in_progress", "output": []}
    delta = {"type": "response.output_text.delta", **_PART}
    return _events([{"type": "response.created", "response": response}]) + _repeated(
        words, lambda word: {**delta, "delta": word}
    )


def _by_end(shapes: Mapping[str, Found], path: str) -> Found:
    return next(shape for end, shape in shapes.items() if path.endswith(end))


def _new_id() -> str:
    return secrets.token_hex(12)


def _text(text: str) -> Json:
    return {"type": "text", "text": text}


def _candidate(text: str) -> Json:
    return {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}


def _repeated(words: int, event_of: Callable[[str], Json]) -> bytes:
    return _events(map(event_of, WORDS)) * (words // len(WORDS))


def _events(events: Iterable[Json]) -> bytes:
    return b"".join(_named(event) + b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


def _named(event: Json) -> bytes:
    return b"event: " + event["type"].encode() + b"\n" if "type" in event else b""
