"""The answers of the demo models: always the same for the same question."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from functools import lru_cache

from pydantic import JsonValue

from devkit.demo_upstream import tokens
from devkit.demo_upstream.schemas import ChatRequest, Tool

WORDS_DEFAULT = 32
WORDS_MAX = 20_000
ECHO_CHARACTERS = 80
_ASKED_LENGTH = re.compile(r"\b(\d{1,5}) words\b")
_REFRAIN = (
    "the balance of a customer is what was paid in less what was spent and each call sets aside the most "
    "it may cost before it reaches a model then pays exactly what it took and gives back the rest at once "
    "so that nothing is billed twice nothing is forgotten and no one spends what is not there"
)
_VOCABULARY = tuple(_REFRAIN.split(" "))


@dataclass(frozen=True, slots=True)
class Answer:
    """A choice: its text as token-sized pieces, or a tool call."""

    pieces: list[str]
    finish_reason: str
    tool_name: str | None = None

    @property
    def text(self) -> str:
        return "".join(self.pieces)


@lru_cache(maxsize=1024)
def write(question: str, limit: int | None, choice: int = 0) -> Answer:
    """Answers `question` in at most `limit` tokens. "… in 500 words" gives about that many."""
    asked = _ASKED_LENGTH.search(question)
    words = min(int(asked.group(1)), WORDS_MAX) if asked else WORDS_DEFAULT
    seed = int.from_bytes(hashlib.sha256(f"{choice}:{question}".encode()).digest()[:4])
    start = f"You asked: {question.strip()[:ECHO_CHARACTERS]!r}. Here is what I can say:"
    text = " ".join((start, *(_VOCABULARY[(seed + index) % len(_VOCABULARY)] for index in range(words))))
    pieces = tokens.split(f"{text}.")
    if limit is not None and len(pieces) > limit:
        return Answer(pieces[:limit], "length")
    return Answer(pieces, "stop")


def answer_chat(request: ChatRequest, choice: int) -> Answer:
    """Calls a tool if the request asks for one, otherwise writes text."""
    tool = _tool_to_call(request)
    if tool is not None:
        arguments = json.dumps(_arguments(tool))
        return Answer(tokens.split(arguments), "tool_calls", tool.function.name)
    return write(request.messages[-1].text(), request.max_completion_tokens or request.max_tokens, choice)


def _tool_to_call(request: ChatRequest) -> Tool | None:
    """Returns the tool that `tool_choice` names or requires, or whose name the user mentions."""
    if not request.tools or request.tool_choice == "none" or request.messages[-1].role == "tool":
        return None
    if isinstance(request.tool_choice, dict):
        function = request.tool_choice.get("function")
        wanted = function.get("name") if isinstance(function, dict) else None
        return next((tool for tool in request.tools if tool.function.name == wanted), None)
    if request.tool_choice == "required":
        return request.tools[0]
    said = request.messages[-1].text()
    return next((tool for tool in request.tools if tool.function.name in said), None)


def _arguments(tool: Tool) -> dict[str, JsonValue]:
    """Returns the required arguments with a simple value of their type."""
    properties = tool.function.parameters.get("properties")
    required = tool.function.parameters.get("required")
    if not isinstance(properties, dict) or not isinstance(required, list):
        return {}
    return {str(name): _plain_value(properties.get(str(name))) for name in required}


def _plain_value(schema: JsonValue) -> JsonValue:
    kind = schema.get("type") if isinstance(schema, dict) else None
    values: dict[str, JsonValue] = {"integer": 1, "number": 1.0, "boolean": True, "array": [], "object": {}}
    return values.get(str(kind), "demo")


def prompt_tokens(request: ChatRequest) -> int:
    """Counts the question's tokens like OpenAI; tools by their JSON."""
    messages = sum(
        tokens.TOKENS_PER_MESSAGE + tokens.count(message.role) + tokens.count(message.text())
        for message in request.messages
    )
    tools = sum(tokens.count(tool.function.model_dump_json()) for tool in request.tools)
    return messages + tools + tokens.TOKENS_PER_REPLY
