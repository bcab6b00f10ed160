"""A provider on loopback that keeps what it was sent, and answers each API with a few words."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

Json = dict[str, Any]  # a provider's body: any JSON object

_USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
_CHAT: Json = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "ok"}}],
    "usage": _USAGE,
}
_ANSWERS: dict[str, Json] = {  # by the end of the path
    "/chat/completions": _CHAT,
    "/completions": {**_CHAT, "choices": [{"index": 0, "finish_reason": "stop", "text": "ok"}]},
    "/messages": {
        "id": "c",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": "ok"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 1, "output_tokens": 1},
    },
    ":generateContent": {
        "candidates": [{"content": {"role": "model", "parts": [{"text": "ok"}]}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2},
    },
    "/api/generate": {"model": "m", "response": "ok", "done": True, "prompt_eval_count": 1, "eval_count": 1},
    "/api/chat": {"model": "m", "message": {"role": "assistant", "content": "ok"}, "done": True},
    "/embeddings": {
        "object": "list",
        "model": "m",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.1]}],
        "usage": {"prompt_tokens": 1, "total_tokens": 1},
    },
    "/responses": {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": "m",
        "status": "completed",
        "output": [
            {
                "type": "message",
                "id": "msg_1",
                "role": "assistant",
                "status": "completed",
                "content": [{"type": "output_text", "text": "ok", "annotations": []}],
            }
        ],
        "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2},
    },
}
_REFUSAL = {"error": {"message": "recorded", "type": "invalid_request_error", "code": "recorded"}}


class Recorder:
    """Keeps the bodies of all POST requests since the last `forget`."""

    def __init__(self) -> None:
        self.bodies: list[Json] = []
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                sent = self.rfile.read(int(self.headers.get("content-length") or 0))
                recorder.bodies.append(_read(sent, self.headers.get("content-type") or ""))
                path = self.path.partition("?")[0]
                answer = next((body for end, body in _ANSWERS.items() if path.endswith(end)), None)
                self._answer(200 if answer else 400, answer or _REFUSAL)

            def do_GET(self) -> None:
                self._answer(404, _REFUSAL)

            def _answer(self, status: int, body: Json) -> None:
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def forget(self) -> None:
        """Begins anew."""
        self.bodies.clear()

    def close(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()


def _read(sent: bytes, content_type: str) -> Json:
    if "form-urlencoded" in content_type:
        return dict(parse_qsl(sent.decode()))
    try:
        body = json.loads(sent)
    except ValueError:
        return {"unreadable": sent.decode(errors="replace")}
    return body if isinstance(body, dict) else {"list": body}
