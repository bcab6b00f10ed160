"""A server with Ollama's API on a loopback port of its host: `python tests/tailnet/ollama.py HOST PORT`.

Counts as Ollama does (`prompt_eval_count`, `eval_count`), streams NDJSON, and tells in its answer who called.
The model `llama-slow` sends a word every 0.2 s, 600 of them. Source: Ollama's docs/api.md.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

PROMPT_TOKENS = 11
SLOW, SLOW_WORDS, SLOW_WORD_S = "llama-slow", 600, 0.2


def words_for(caller: str) -> list[str]:
    """What every model answers: seven tokens, the last of them the address that called."""
    return ["The ", "llama ", "says ", "hello ", "to ", "you, ", caller]


async def chat(request: Request) -> Response:
    body = await request.json()
    caller = request.client.host if request.client else ""
    words = [f"{number} " for number in range(SLOW_WORDS)] if body["model"] == SLOW else words_for(caller)
    words = words[: (body.get("options") or {}).get("num_predict")]
    pause_s = SLOW_WORD_S if body["model"] == SLOW else 0.0
    if body.get("stream", True):
        return StreamingResponse(_pieces(body["model"], words, pause_s), media_type="application/x-ndjson")
    return JSONResponse(_piece(body["model"], "".join(words), len(words)))


async def tags(_request: Request) -> Response:
    return JSONResponse({"models": [{"name": "llama3.2", "model": "llama3.2", "size": 1, "details": {}}]})


async def show(_request: Request) -> Response:
    return JSONResponse({"template": "", "model_info": {"llama.context_length": 8192}, "details": {}})


async def _pieces(model: str, words: list[str], pause_s: float) -> AsyncIterator[bytes]:
    for word in words:
        yield json.dumps(_piece(model, word, None)).encode() + b"\n"
        await asyncio.sleep(pause_s)
    yield json.dumps(_piece(model, "", len(words))).encode() + b"\n"


def _piece(model: str, content: str, eval_count: int | None) -> dict[str, object]:
    piece: dict[str, object] = {
        "model": model,
        "created_at": "2026-11-21T00:00:00Z",
        "message": {"role": "assistant", "content": content},
        "done": eval_count is not None,
    }
    if eval_count is not None:
        piece |= {"done_reason": "stop", "prompt_eval_count": PROMPT_TOKENS, "eval_count": eval_count}
    return piece


ROUTES = [
    Route("/api/chat", chat, methods=["POST"]),
    Route("/api/tags", tags),
    Route("/api/show", show, methods=["POST"]),
]

if __name__ == "__main__":
    uvicorn.run(Starlette(routes=ROUTES), host=sys.argv[1], port=int(sys.argv[2]), access_log=False)
