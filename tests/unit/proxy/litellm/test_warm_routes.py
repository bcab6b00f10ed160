"""What the first requests would make FastAPI and LiteLLM do is done before."""

from __future__ import annotations

import inspect
import threading

import httpx
import pytest
from fastapi import APIRouter, FastAPI

from billing.proxy.litellm.counting_routes import count_off_loop
from billing.proxy.litellm.warm_routes import warm_routes


@pytest.fixture
def app() -> FastAPI:
    app, router = FastAPI(), APIRouter(prefix="/spend")

    @router.post("/calculate")
    async def calculate(text: str) -> dict[str, int]:
        return {"length": len(text), "thread": threading.get_ident()}

    @app.get("/here")
    async def here() -> str:
        return "here"

    app.include_router(router)
    return app


def client_of(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test")


async def test_a_request_analyses_no_route_and_reads_no_source(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    warm_routes(app)
    for name in ("signature", "getsourcelines"):
        monkeypatch.setattr(inspect, name, lambda *_args, **_options: pytest.fail("in a request"))
    async with client_of(app) as client:
        assert (await client.get("/nowhere")).status_code == 404
        assert (await client.get("/here")).json() == "here"
        assert (await client.post("/spend/calculate?text=abc")).json()["length"] == 3


async def test_a_cost_is_calculated_off_the_event_loop(app: FastAPI) -> None:
    count_off_loop(app)
    async with client_of(app) as client:
        answer = (await client.post("/spend/calculate?text=abc")).json()
    assert answer["length"] == 3
    assert answer["thread"] != threading.get_ident()
