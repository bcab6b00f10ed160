"""OpenAI's shapes on the wire: objects, chunks, usage, errors.

Source: https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, JsonValue, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from devkit.demo_upstream.answers import Answer
from devkit.demo_upstream.models import Does, model_that
from devkit.demo_upstream.schemas import ModelRequest

Object = dict[str, JsonValue]
Asked = TypeVar("Asked", bound=BaseModel)
AskedOfModel = TypeVar("AskedOfModel", bound=ModelRequest)
DONE = b"data: [DONE]\n\n"


def usage(prompt_tokens: int, completion_tokens: int) -> Object:
    """Token counts as OpenAI reports them."""
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }


def event(content: Mapping[str, JsonValue]) -> bytes:
    """Encodes a server-sent event."""
    return b"data: " + json.dumps(content, separators=(",", ":")).encode() + b"\n\n"


def error(
    status: int, message: str, kind: str = "invalid_request_error", code: str | None = None
) -> JSONResponse:
    """An error in OpenAI's shape."""
    return JSONResponse({"error": {"message": message, "type": kind, "param": None, "code": code}}, status)


class ConnectionBroken(Exception):
    """demo-broken stops in the middle of an answer; the server closes the connection."""


def parsed(kind: type[Asked], body: bytes) -> Asked | Response:
    """Parses the request, or returns the error that describes what is wrong."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_context=False)[0]
        return error(400, f"{'.'.join(map(str, first['loc']))}: {first['msg']}")


async def parsed_for(kind: type[AskedOfModel], does: Does, request: Request) -> AskedOfModel | Response:
    """Parses a request for a model that must support this call."""
    asked = parsed(kind, await request.body())
    if isinstance(asked, Response) or model_that(does, asked.model) is not None:
        return asked
    return no_such_model(asked.model)


def no_such_model(name: str) -> JSONResponse:
    """The error for a model that is missing or does something else."""
    return error(404, f"The model {name!r} does not exist or does not do this.", code="model_not_found")


class Chat:
    """`/v1/chat/completions`: an object, and one delta per piece."""

    object_name = "chat.completion"
    chunk_name = "chat.completion.chunk"
    id_prefix = "chatcmpl-"

    @staticmethod
    def choice(index: int, answer: Answer) -> Object:
        """A finished choice."""
        message: Object = {"role": "assistant", "content": answer.text}
        if answer.tool_name is not None:
            message = {
                "role": "assistant",
                "content": None,
                "tool_calls": [_tool_call(answer.tool_name, answer.text)],
            }
        return {"index": index, "message": message, "logprobs": None, "finish_reason": answer.finish_reason}

    @staticmethod
    def first(index: int, answer: Answer) -> Object | None:
        """The first chunk of a choice: its role, and the tool's name if it calls one."""
        delta: Object = {"role": "assistant", "content": ""}
        if answer.tool_name is not None:
            call: JsonValue = {"index": 0, **_tool_call(answer.tool_name, "")}
            delta = {"role": "assistant", "content": None, "tool_calls": [call]}
        return {"index": index, "delta": delta, "finish_reason": None}

    @staticmethod
    def piece(index: int, answer: Answer, piece: str) -> Object:
        """A chunk with one piece of the answer."""
        delta: Object = {"content": piece}
        if answer.tool_name is not None:
            delta = {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}
        return {"index": index, "delta": delta, "finish_reason": None}

    @staticmethod
    def last(index: int, answer: Answer) -> Object:
        """The chunk that closes a choice."""
        return {"index": index, "delta": {}, "finish_reason": answer.finish_reason}


class Completion:
    """`/v1/completions`: the same with plain text."""

    object_name = "text_completion"
    chunk_name = "text_completion"
    id_prefix = "cmpl-"

    @staticmethod
    def choice(index: int, answer: Answer) -> Object:
        """A finished choice."""
        return {"index": index, "text": answer.text, "logprobs": None, "finish_reason": answer.finish_reason}

    @staticmethod
    def first(index: int, answer: Answer) -> Object | None:
        """Plain text has no first chunk."""
        return None

    @staticmethod
    def piece(index: int, answer: Answer, piece: str) -> Object:
        """A chunk with one piece of the answer."""
        return {"index": index, "text": piece, "logprobs": None, "finish_reason": None}

    @staticmethod
    def last(index: int, answer: Answer) -> Object:
        """The last chunk of a choice."""
        return {"index": index, "text": "", "logprobs": None, "finish_reason": answer.finish_reason}


Shape = type[Chat] | type[Completion]


def envelope(shape: Shape, model: str, *, chunk: bool) -> Object:
    """The envelope of the choices. The id is always new, like a provider's: LiteLLM logs an id only once."""
    return {
        "id": shape.id_prefix + secrets.token_hex(12),
        "object": shape.chunk_name if chunk else shape.object_name,
        "created": int(time.time()),
        "model": model,
    }


def _tool_call(name: str, arguments: str) -> Object:
    identity = hashlib.sha256(name.encode()).hexdigest()[:24]
    return {"id": f"call_{identity}", "type": "function", "function": {"name": name, "arguments": arguments}}
