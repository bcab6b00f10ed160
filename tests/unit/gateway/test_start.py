"""What the supervisor hands on and shows."""

from __future__ import annotations

import json
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from gateway.start.environment import for_gateway, proxies_in
from gateway.start.readiness import WithTailnet, write_status
from gateway.tailnet.status import TailnetStatus


class TestEnvironment:
    def test_the_tailnets_key_never_reaches_the_gateway(self) -> None:
        """Deployment defect 34: the key stood on a command line."""
        given = {"TAILSCALE_AUTH_KEY": "tskey-auth-1", "TS_AUTHKEY": "tskey-auth-2", "PATH": "/bin"}

        for tailnet in (True, False):
            assert for_gateway(given, {}, tailnet=tailnet) == {"PATH": "/bin"}

    def test_with_a_tailnet_no_proxy_variable_passes(self) -> None:
        """Deployment defects 31 to 33: everything, Stripe too, went through tailscaled."""
        given = {"ALL_PROXY": "socks5://localhost:1055", "https_proxy": "http://x", "NO_PROXY": "a", "A": "b"}

        assert for_gateway(given, {}, tailnet=True) == {"NO_PROXY": "a", "A": "b"}
        assert for_gateway(given, {}, tailnet=False) == given
        assert proxies_in(given) == ["ALL_PROXY", "https_proxy"]

    def test_ours_win(self) -> None:
        assert for_gateway({"PORT": "1"}, {"PORT": "2"}, tailnet=False) == {"PORT": "2"}


async def _readiness(_request: Request) -> Response:
    return JSONResponse({"status": "connected", "db": "connected"}, 503)


async def _other(_request: Request) -> Response:
    return PlainTextResponse("as it is")


async def _no_json(_request: Request) -> Response:
    return PlainTextResponse("no JSON")


class TestReadiness:
    def _client(self, status_file: Path) -> TestClient:
        routes = [
            Route("/health/readiness", _readiness),
            Route("/health/readiness/", _no_json),
            Route("/other", _other),
        ]
        return TestClient(WithTailnet(Starlette(routes=routes), status_file))

    def test_it_has_the_tailnets_state_beside_what_litellm_says(self, tmp_path: Path) -> None:
        file = tmp_path / "tailnet.json"
        write_status(file, TailnetStatus("degraded", "hugo does not answer"))
        client = self._client(file)

        answer = client.get("/health/readiness")
        assert answer.status_code == 503  # LiteLLM's own word stays
        assert answer.json() == {
            "status": "connected",
            "db": "connected",
            "tailnet": "degraded",
            "tailnet_detail": "hugo does not answer",
        }
        write_status(file, TailnetStatus("connected"))
        assert client.get("/health/readiness").json()["tailnet"] == "connected"

    def test_everything_else_passes_untouched(self, tmp_path: Path) -> None:
        file = tmp_path / "tailnet.json"
        write_status(file, TailnetStatus("connected"))
        client = self._client(file)

        assert client.get("/other").text == "as it is"
        assert client.get("/health/readiness/").text == "no JSON"

    def test_a_status_is_replaced_whole(self, tmp_path: Path) -> None:
        file = tmp_path / "tailnet.json"
        write_status(file, TailnetStatus("degraded", "x" * 10_000))
        write_status(file, TailnetStatus("connected"))

        assert json.loads(file.read_text()) == {"state": "connected", "detail": ""}
        assert list(tmp_path.iterdir()) == [file]
