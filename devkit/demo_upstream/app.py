"""The demo provider's endpoints, as one ASGI application."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import struct
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from pydantic import JsonValue
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from devkit.demo_upstream import answers, gemini, media, retrieval, tokens, wire
from devkit.demo_upstream.answers import Answer
from devkit.demo_upstream.counting import CountingMiddleware, Requests
from devkit.demo_upstream.models import MODELS, DemoModel
from devkit.demo_upstream.realtime import realtime
from devkit.demo_upstream.responses import Responses
from devkit.demo_upstream.schemas import ChatRequest, CompletionRequest, EmbeddingRequest

REMEMBERED_FAILURES_MAX = 10_000
PIECES_BEFORE_BREAK = 5
BREAK_AFTER_S = 0.2  # so that what was sent before arrives


@dataclass(slots=True)
class Provider:
    """The provider's state: how slow it is, and which requests it has failed once."""

    slow_chunk_s: float = 1.0
    failed_once: OrderedDict[bytes, None] = field(default_factory=OrderedDict)

    async def chat(self, request: Request) -> Response:
        """`POST /v1/chat/completions`."""
        body = await request.body()
        asked = wire.parsed(ChatRequest, body)
        if isinstance(asked, Response):
            return asked
        choices = [answers.answer_chat(asked, index) for index in range(asked.n)]
        return await self._generate(wire.Chat, asked, body, choices, answers.prompt_tokens(asked))

    async def completions(self, request: Request) -> Response:
        """`POST /v1/completions`."""
        body = await request.body()
        asked = wire.parsed(CompletionRequest, body)
        if isinstance(asked, Response):
            return asked
        prompts = [asked.prompt] if isinstance(asked.prompt, str) else asked.prompt
        choices = [
            answers.write(prompt, asked.max_tokens, index) for prompt in prompts for index in range(asked.n)
        ]
        return await self._generate(wire.Completion, asked, body, choices, sum(map(tokens.count, prompts)))

    async def realtime(self, socket: WebSocket) -> None:
        """`WS /v1/realtime`."""
        await realtime(socket, self.slow_chunk_s)

    async def _generate(
        self,
        shape: wire.Shape,
        asked: ChatRequest | CompletionRequest,
        body: bytes,
        choices: list[Answer],
        prompt_tokens: int,
    ) -> Response:
        model = MODELS.get(asked.model)
        if model is None or model.does != "write":
            return wire.no_such_model(asked.model)
        if model.fails_first and self._first_attempt(body):
            return wire.error(500, "The demo model failed, as it does at first. Try again.", "server_error")
        total = wire.usage(prompt_tokens, sum(len(choice.pieces) for choice in choices))
        if asked.stream:
            wanted = asked.stream_options is not None and asked.stream_options.include_usage
            chunks = self._chunks(shape, model, choices, total if wanted else None)
            return StreamingResponse(chunks, media_type="text/event-stream")
        if model.slow:
            await asyncio.sleep(self.slow_chunk_s)
        finished: list[JsonValue] = [shape.choice(index, choice) for index, choice in enumerate(choices)]
        used: wire.Object = {} if model.hides_usage else {"usage": total}
        answer = JSONResponse({**wire.envelope(shape, model.name, chunk=False), "choices": finished, **used})
        return _cut(answer) if model.breaks else answer

    def _first_attempt(self, body: bytes) -> bool:
        """Returns True once for each request; the next attempt succeeds and is forgotten."""
        digest = hashlib.sha256(body).digest()
        if digest in self.failed_once:
            del self.failed_once[digest]
            return False
        self.failed_once[digest] = None
        if len(self.failed_once) > REMEMBERED_FAILURES_MAX:
            self.failed_once.popitem(last=False)
        return True

    async def _chunks(
        self,
        shape: wire.Shape,
        model: DemoModel,
        choices: list[Answer],
        total: wire.Object | None,
    ) -> AsyncIterator[bytes]:
        outer = wire.envelope(shape, model.name, chunk=True)
        if model.slow:
            await asyncio.sleep(self.slow_chunk_s)
        for index, choice in enumerate(choices):
            if (opening := shape.first(index, choice)) is not None:
                yield wire.event({**outer, "choices": [opening]})
            for number, piece in enumerate(choice.pieces):
                if model.breaks and number == PIECES_BEFORE_BREAK:
                    await asyncio.sleep(BREAK_AFTER_S)
                    raise wire.ConnectionBroken
                if model.slow:
                    await asyncio.sleep(self.slow_chunk_s)
                yield wire.event({**outer, "choices": [shape.piece(index, choice, piece)]})
            yield wire.event({**outer, "choices": [shape.last(index, choice)]})
        if total is not None and not model.hides_usage:
            yield wire.event({**outer, "choices": [], "usage": total})
        yield wire.DONE


def _cut(answer: JSONResponse) -> Response:
    """Sends half of the announced answer, then closes the connection."""

    async def half() -> AsyncIterator[bytes]:
        content = bytes(answer.body)
        yield content[: len(content) // 2]
        raise wire.ConnectionBroken

    return StreamingResponse(half(), headers=dict(answer.headers))


async def embeddings(request: Request) -> Response:
    """`POST /v1/embeddings`: a unit vector derived from the text."""
    asked = wire.parsed(EmbeddingRequest, await request.body())
    if isinstance(asked, Response):
        return asked
    model = MODELS.get(asked.model)
    if model is None or not model.embeds:
        return wire.no_such_model(asked.model)
    inputs = _inputs(asked)
    data = [
        {"object": "embedding", "index": index, "embedding": _vector(text, asked)}
        for index, (text, _) in enumerate(inputs)
    ]
    total = sum(size for _, size in inputs)
    return JSONResponse(
        {
            "object": "list",
            "data": data,
            "model": model.name,
            "usage": {"prompt_tokens": total, "total_tokens": total},
        }
    )


def _inputs(asked: EmbeddingRequest) -> list[tuple[str, int]]:
    """Yields each input as text with its size in tokens; token ids are counted."""
    if isinstance(asked.input, str):
        return [(asked.input, tokens.count(asked.input))]
    if all(isinstance(one, int) for one in asked.input):
        return [(str(asked.input), len(asked.input))]
    return [
        (one, tokens.count(one)) if isinstance(one, str) else (str(one), len(one))
        for one in asked.input
        if not isinstance(one, int)
    ]


def _vector(text: str, asked: EmbeddingRequest) -> list[float] | str:
    raw = hashlib.shake_256(text.encode()).digest(asked.dimensions)
    values = [byte - 127.5 for byte in raw]
    length = sum(value * value for value in values) ** 0.5
    unit = [value / length for value in values]
    if asked.encoding_format == "float":
        return unit
    return base64.b64encode(struct.pack(f"<{len(unit)}f", *unit)).decode()


async def models(_request: Request) -> Response:
    """`GET /v1/models`."""
    data = [{"id": name, "object": "model", "created": 0, "owned_by": "demo"} for name in MODELS]
    return JSONResponse({"object": "list", "data": data})


async def health(_request: Request) -> Response:
    """`GET /health`: whether the provider is running."""
    tokens.encoding()
    return JSONResponse({"status": "ok"})


def create_app(slow_chunk_s: float = 1.0) -> Starlette:
    """Builds the application. `slow_chunk_s`: how long demo-slow waits before each chunk, in seconds."""
    provider = Provider(slow_chunk_s)
    requests = Requests()
    return Starlette(
        middleware=[Middleware(CountingMiddleware, requests=requests)],
        routes=[
            Route("/health", health),
            Route("/requests", requests.show),
            Route("/v1/models", models),
            Route("/v1/chat/completions", provider.chat, methods=["POST"]),
            Route("/v1/completions", provider.completions, methods=["POST"]),
            Route("/v1/embeddings", embeddings, methods=["POST"]),
            *Responses(slow_chunk_s).routes(),
            *gemini.ROUTES,
            *media.ROUTES,
            *retrieval.ROUTES,
            WebSocketRoute("/v1/realtime", provider.realtime),
        ],
    )
