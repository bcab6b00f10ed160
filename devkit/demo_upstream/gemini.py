"""Gemini's `generateContent`, whole and streamed.

Source: https://ai.google.dev/api/generate-content
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from devkit.demo_upstream import answers, tokens, wire
from devkit.demo_upstream.models import model_that
from devkit.demo_upstream.schemas import TOKENS_MAX
from devkit.demo_upstream.wire import Object


class Content(BaseModel):
    """A turn; non-text parts are ignored."""

    parts: list[dict[str, JsonValue]] = Field(default_factory=list)

    def text(self) -> str:
        """The text of the turn."""
        return " ".join(str(part["text"]) for part in self.parts if "text" in part)


class GenerationConfig(BaseModel):
    """The output limit; other settings have no effect."""

    model_config = ConfigDict(extra="ignore")

    maxOutputTokens: int | None = Field(None, ge=1, le=TOKENS_MAX)  # noqa: N815  # Gemini's name


class GenerateRequest(BaseModel):
    """`POST …:generateContent`."""

    model_config = ConfigDict(extra="ignore")

    contents: list[Content] = Field(min_length=1)
    generationConfig: GenerationConfig = GenerationConfig()  # noqa: N815  # Gemini's name


async def generate(request: Request) -> Response:
    """Answers at once or as a stream of events."""
    name, _, action = str(request.path_params["model_and_action"]).partition(":")
    asked = wire.parsed(GenerateRequest, await request.body())
    if isinstance(asked, Response):
        return asked
    if model_that("write", name) is None or action not in ("generateContent", "streamGenerateContent"):
        return wire.no_such_model(name)
    answer = answers.write(asked.contents[-1].text(), asked.generationConfig.maxOutputTokens)
    prompt_tokens = sum(tokens.count(content.text()) for content in asked.contents)
    usage: Object = {
        "promptTokenCount": prompt_tokens,
        "candidatesTokenCount": len(answer.pieces),
        "totalTokenCount": prompt_tokens + len(answer.pieces),
    }
    reason = "MAX_TOKENS" if answer.finish_reason == "length" else "STOP"
    if action == "generateContent":
        return JSONResponse(_part(name, answer.text, reason, usage))

    async def events() -> AsyncIterator[bytes]:
        for piece in answer.pieces[:-1]:
            yield wire.event(_part(name, piece, None, None))
        yield wire.event(_part(name, answer.pieces[-1], reason, usage))

    return StreamingResponse(events(), media_type="text/event-stream")


def _part(model: str, text: str, reason: str | None, usage: Object | None) -> Object:
    candidate: Object = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}
    if reason is not None:
        candidate["finishReason"] = reason
    answer: Object = {"candidates": [candidate], "modelVersion": model}
    return answer if usage is None else {**answer, "usageMetadata": usage}


ROUTES = [Route("/models/{model_and_action}", generate, methods=["POST"])]
