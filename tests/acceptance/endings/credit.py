"""A stream of each API, read by its official SDK until it ends, however it ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import anthropic
import openai
from anthropic.types import RawContentBlockDeltaEvent, RawMessageDeltaEvent

from tests.acceptance.customers import Customer

LIMIT = 8_000  # tokens that the client asks for; the hold begins with 1,024
QUESTION = "please write 6000 words"


@dataclass
class Ended:
    """What a client saw of a stream."""

    finish: str | None = None
    error: Mapping[str, object] | None = None  # the error object, with the top-up URL
    pieces: list[str] = field(default_factory=list)


def chat(customer: Customer, question: str = QUESTION, limit: int = LIMIT) -> Ended:
    ended = Ended()
    try:
        for chunk in customer.openai.chat.completions.create(
            model="demo-chat",
            messages=[{"role": "user", "content": question}],
            max_tokens=limit,
            stream=True,
        ):
            for choice in chunk.choices:
                ended.pieces.append(choice.delta.content or "")
                ended.finish = choice.finish_reason or ended.finish
    except openai.APIError as error:
        ended.error = _object(error.body)
    return ended


def completions(customer: Customer, question: str = QUESTION, limit: int = LIMIT) -> Ended:
    ended = Ended()
    try:
        for chunk in customer.openai.completions.create(
            model="demo-chat", prompt=question, max_tokens=limit, stream=True
        ):
            for choice in chunk.choices:
                ended.pieces.append(getattr(choice, "text", None) or "")
                ended.finish = getattr(choice, "finish_reason", None) or ended.finish
    except openai.APIError as error:
        ended.error = _object(error.body)
    return ended


def messages(customer: Customer, question: str = QUESTION, limit: int = LIMIT) -> Ended:
    ended = Ended()
    try:
        for event in customer.anthropic.messages.create(
            model="demo-chat",
            messages=[{"role": "user", "content": question}],
            max_tokens=limit,
            stream=True,
        ):
            if isinstance(event, RawContentBlockDeltaEvent):
                ended.pieces.append(getattr(event.delta, "text", ""))
            if isinstance(event, RawMessageDeltaEvent):
                ended.finish = event.delta.stop_reason
    except anthropic.APIStatusError as error:
        ended.error = _object(_object(error.body)["error"])
    return ended


def responses(customer: Customer, question: str = QUESTION, limit: int = LIMIT) -> Ended:
    ended = Ended()
    for event in customer.openai.responses.create(
        model="demo-chat", input=question, max_output_tokens=limit, stream=True
    ):
        if event.type == "response.output_text.delta":
            ended.pieces.append(event.delta)
        if event.type == "error":
            ended.error = event.model_dump()
        if event.type == "response.incomplete" and event.response.incomplete_details is not None:
            ended.finish = event.response.incomplete_details.reason
    return ended


def generate(customer: Customer, question: str = QUESTION, limit: int = LIMIT) -> Ended:
    ended = Ended()
    body = {"contents": [{"parts": [{"text": question}]}], "generationConfig": {"maxOutputTokens": limit}}
    path = "/v1beta/models/demo-gemini:streamGenerateContent"
    with customer.http.stream("POST", path, json=body) as answer:
        for line in answer.iter_lines():
            event = json.loads(line.removeprefix("data:")) if line else {}
            ended.error = event.get("error", ended.error)
            for candidate in event.get("candidates", ()):
                ended.pieces += [part["text"] for part in candidate["content"]["parts"]]
                ended.finish = candidate.get("finishReason", ended.finish)
    return ended


APIS: dict[str, Callable[..., Ended]] = {
    "chat": chat,
    "completions": completions,
    "messages": messages,
    "responses": responses,
    "generate": generate,
}
CUT = {
    "chat": "length",
    "completions": "length",
    "messages": "max_tokens",
    "responses": "max_output_tokens",
    "generate": "MAX_TOKENS",
}


def _object(value: object) -> Mapping[str, object]:
    assert isinstance(value, Mapping)
    return value
