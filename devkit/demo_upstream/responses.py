"""OpenAI's responses: answers that are kept, so that the next one can go on from them.

Source: https://platform.openai.com/docs/api-reference/responses
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections import OrderedDict
from collections.abc import AsyncIterator

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from devkit.demo_upstream import answers, tokens, wire
from devkit.demo_upstream.answers import Answer
from devkit.demo_upstream.models import DemoModel, model_that
from devkit.demo_upstream.schemas import ResponsesRequest
from devkit.demo_upstream.wire import Object

KEPT_MAX = 1_000
PIECES_BEFORE_BREAK = 5


class Responses:
    """The endpoints of one provider, and its stored responses."""

    def __init__(self, slow_chunk_s: float) -> None:
        self._slow_chunk_s = slow_chunk_s
        self._kept: OrderedDict[str, Object] = OrderedDict()

    def routes(self) -> list[Route]:
        """The routes for the application."""
        return [
            Route("/v1/responses", self.create, methods=["POST"]),
            Route("/v1/responses/compact", self.compact, methods=["POST"]),
            Route("/v1/responses/input_tokens", self.input_tokens, methods=["POST"]),
            Route("/v1/responses/{id}", self.get, methods=["GET"]),
            Route("/v1/responses/{id}", self.delete, methods=["DELETE"]),
            Route("/v1/responses/{id}/cancel", self.get, methods=["POST"]),
            Route("/v1/responses/{id}/input_items", self.input_items, methods=["GET"]),
        ]

    async def create(self, request: Request) -> Response:
        """Answers, streamed or not. Input and output of an earlier response count as input again."""
        asked = wire.parsed(ResponsesRequest, await request.body())
        if isinstance(asked, Response):
            return asked
        model = model_that("write", asked.model)
        if model is None:
            return wire.no_such_model(asked.model)
        answer = answers.write(asked.messages()[-1].text(), asked.max_output_tokens)
        finished = self._finished(asked, answer)
        if asked.stream:
            return StreamingResponse(self._events(model, answer, finished), media_type="text/event-stream")
        if model.slow:
            await asyncio.sleep(self._slow_chunk_s)
        return JSONResponse(finished)

    async def compact(self, request: Request) -> Response:
        """Compacts a conversation."""
        asked = wire.parsed(ResponsesRequest, await request.body())
        if isinstance(asked, Response):
            return asked
        if model_that("write", asked.model) is None:
            return wire.no_such_model(asked.model)
        answer = answers.write("in 20 words", None)
        finished = self._finished(asked, answer)
        item: Object = {"id": "cmp_1", "type": "compaction", "encrypted_content": answer.text}
        return JSONResponse({**finished, "object": "response.compaction", "output": [item]})

    async def input_tokens(self, request: Request) -> Response:
        """Counts the tokens a request would use; LiteLLM calls this for its own counting routes."""
        asked = wire.parsed(ResponsesRequest, await request.body())
        if isinstance(asked, Response):
            return asked
        if model_that("write", asked.model) is None:
            return wire.no_such_model(asked.model)
        count = self._input_tokens(asked)
        return JSONResponse({"object": "response.input_tokens", "input_tokens": count})

    async def get(self, request: Request) -> Response:
        """Returns a stored response."""
        kept = self._kept.get(request.path_params["id"])
        return wire.error(404, "No such response.") if kept is None else JSONResponse(kept)

    async def delete(self, request: Request) -> Response:
        """Deletes a response."""
        if self._kept.pop(request.path_params["id"], None) is None:
            return wire.error(404, "No such response.")
        return JSONResponse({"id": request.path_params["id"], "object": "response", "deleted": True})

    async def input_items(self, request: Request) -> Response:
        """Lists the input; only its size is stored."""
        if request.path_params["id"] not in self._kept:
            return wire.error(404, "No such response.")
        return JSONResponse(
            {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}
        )

    def _input_tokens(self, asked: ResponsesRequest) -> int:
        count = tokens.TOKENS_PER_REPLY + tokens.count(asked.instructions)
        for message in asked.messages():
            count += tokens.TOKENS_PER_MESSAGE + tokens.count(message.text())
        return count + self._total_tokens(asked.previous_response_id)

    def _finished(self, asked: ResponsesRequest, answer: Answer) -> Object:
        input_tokens = self._input_tokens(asked)
        output_tokens = len(answer.pieces)
        part: Object = {"type": "output_text", "text": answer.text, "annotations": [], "logprobs": []}
        message_id = f"msg_{secrets.token_hex(12)}"
        output: Object = {"id": message_id, "type": "message", "role": "assistant", "status": "completed"}
        cut = answer.finish_reason == "length"
        response: Object = {
            "id": f"resp_{secrets.token_hex(12)}",
            "object": "response",
            "created_at": int(time.time()),
            "status": "incomplete" if cut else "completed",
            "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
            "error": None,
            "instructions": asked.instructions or None,
            "max_output_tokens": asked.max_output_tokens,
            "model": asked.model,
            "output": [{**output, "content": [part]}],
            "parallel_tool_calls": True,
            "previous_response_id": asked.previous_response_id,
            "store": True,
            "temperature": 1.0,
            "tool_choice": "auto",
            "tools": [],
            "top_p": 1.0,
            "metadata": {},
            "usage": {
                "input_tokens": input_tokens,
                "input_tokens_details": {"cached_tokens": 0},
                "output_tokens": output_tokens,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": input_tokens + output_tokens,
            },
        }
        self._kept[str(response["id"])] = response
        if len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)
        return response

    def _total_tokens(self, response_id: str | None) -> int:
        usage = self._kept.get(response_id or "", {}).get("usage")
        total = usage.get("total_tokens") if isinstance(usage, dict) else None
        return total if isinstance(total, int) else 0

    async def _events(self, model: DemoModel, answer: Answer, finished: Object) -> AsyncIterator[bytes]:
        begun: Object = {**finished, "status": "in_progress", "output": [], "usage": None}
        output = finished["output"]
        assert isinstance(output, list)
        item = output[0]
        assert isinstance(item, dict)
        place: Object = {"item_id": item["id"], "output_index": 0, "content_index": 0}
        number = 0

        def event(kind: str, **fields: JsonValue) -> bytes:
            nonlocal number
            number += 1
            content = {"type": kind, "sequence_number": number - 1, **fields}
            return f"event: {kind}\ndata: {json.dumps(content, separators=(',', ':'))}\n\n".encode()

        yield event("response.created", response=begun)
        yield event("response.in_progress", response=begun)
        yield event("response.output_item.added", output_index=0, item={**item, "content": []})
        empty: Object = {"type": "output_text", "text": "", "annotations": []}
        yield event("response.content_part.added", **place, part=empty)
        for index, piece in enumerate(answer.pieces):
            if model.breaks and index == PIECES_BEFORE_BREAK:
                await asyncio.sleep(0.2)
                raise wire.ConnectionBroken
            if model.slow:
                await asyncio.sleep(self._slow_chunk_s)
            yield event("response.output_text.delta", **place, delta=piece, logprobs=[])
        yield event("response.output_text.done", **place, text=answer.text, logprobs=[])
        yield event("response.content_part.done", **place, part={**empty, "text": answer.text})
        yield event("response.output_item.done", output_index=0, item=item)
        kind = "incomplete" if finished["status"] == "incomplete" else "completed"
        yield event(f"response.{kind}", response=finished)
