"""A provider on loopback that says what a test has it say: nonsense, or too much at once.

What it answers follows from the model's name. It speaks OpenAI's, Anthropic's and Gemini's APIs.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Json = dict[str, Any]  # a provider's body: any JSON object
_LEFT_WITHIN_S = 60
_SENT_AHEAD_BYTES = 64 * 1024


@dataclass(frozen=True)
class Answer:
    """What is answered: in one piece, or as a stream that the gateway has to leave."""

    body: bytes
    content_type: str = "application/json"
    stays_open: bool = False


@dataclass
class Provider:
    """Serves until it is closed, and keeps when the gateway left each answer that stays open."""

    answer: Callable[[str, Json], Answer]  # from path and body
    opened: int = 0  # answers that stay open
    left_at: list[float] = field(default_factory=list)  # seconds of `time.monotonic`
    in_full: int = 0  # of those, how many had been taken to their last byte

    def __post_init__(self) -> None:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                answer = provider.answer(self.path.partition("?")[0], body)
                self.send_response(200)
                self.send_header("content-type", answer.content_type)
                if not answer.stays_open:
                    self.send_header("content-length", str(len(answer.body)))
                    self.end_headers()
                    self.wfile.write(answer.body)
                    return
                self.close_connection = True
                self.send_header("connection", "close")
                self.end_headers()
                provider.stay(self.connection, answer.body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def stay(self, connection: socket.socket, body: bytes) -> None:
        """Sends without a pause, and then waits for the other side to close the connection."""
        self.opened += 1
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SENT_AHEAD_BYTES)
        connection.settimeout(_LEFT_WITHIN_S)
        try:
            connection.sendall(body)
            self.in_full += 1
            connection.recv(1)
        except TimeoutError:
            return
        except OSError:
            pass
        self.left_at.append(time.monotonic())

    def close(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()
