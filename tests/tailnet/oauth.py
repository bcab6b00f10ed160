"""The two endpoints of Tailscale's API that make an auth key of an OAuth client.

Only what is asked for is looked at: Headscale, which has no OAuth, would not take the key that it answers.
Source: https://tailscale.com/kb/1215/oauth-clients
"""

from __future__ import annotations

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs

from tests.tailnet.namespaces import STREET


class OAuthServer:
    """Serves on the street while the context is open, and keeps what it was asked."""

    def __init__(self) -> None:
        self.secrets: list[str] = []
        self.keys_asked_for: list[dict[str, Any]] = []
        self._server = ThreadingHTTPServer((STREET, 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever)

    @property
    def url(self) -> str:
        return f"http://{STREET}:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def token(self, body: bytes, authorization: str) -> dict[str, object]:
        """`POST /api/v2/oauth/token`: the secret comes in the form or as basic authentication."""
        form = parse_qs(body.decode())
        basic = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")[2]
        secret = form.get("client_secret", [basic])[0]
        if secret not in self.secrets:
            self.secrets.append(secret)
        return {"access_token": "lab", "token_type": "Bearer", "expires_in": 3600}

    def key(self, body: bytes) -> dict[str, object]:
        """`POST /api/v2/tailnet/-/keys`."""
        self.keys_asked_for.append(json.loads(body))
        return {"id": "lab", "key": "tskey-auth-lab"}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if self.path.endswith("/oauth/token"):
                    answer = server.token(body, self.headers.get("Authorization", ""))
                else:
                    answer = server.key(body)
                content = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        return Handler
