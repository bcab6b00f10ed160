"""OpenAPI is built once for all who ask, and the event loop serves others meanwhile."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time

import httpx
import psutil
import pytest
from fastapi import FastAPI

from billing.errors import Unavailable
from billing.proxy.litellm.openapi import OpenApiDocument, built_in_child, serve_openapi

BUILD_S = 2.0


def busy() -> dict[str, object]:
    """Keeps the GIL: `sum` over a range is one step."""
    ends_at = time.monotonic() + BUILD_S
    while time.monotonic() < ends_at:
        sum(range(10_000_000))
    return {"openapi": "3.1.0", "pid": os.getpid()}


class TestDocument:
    async def test_is_built_once_for_all_who_ask_at_the_same_time_and_kept(self) -> None:
        document = OpenApiDocument(busy)
        first, second = await asyncio.gather(document.document(), document.document())
        assert first == second == await document.document()  # with the child's own id in it
        assert json.loads(first)["pid"] != os.getpid()

    async def test_stops_nobody_while_it_is_built(self) -> None:
        building = asyncio.create_task(OpenApiDocument(busy).document())
        longest_s, last = 0.0, time.monotonic()
        while not building.done():
            await asyncio.sleep(0.001)
            now = time.monotonic()
            longest_s, last = max(longest_s, now - last), now
        assert longest_s < BUILD_S / 2

    async def test_one_who_leaves_does_not_end_it_for_the_others(self) -> None:
        document = OpenApiDocument(busy)
        leaving = asyncio.create_task(document.document())
        staying = asyncio.create_task(document.document())
        await asyncio.sleep(0)
        leaving.cancel()
        assert b"3.1.0" in await staying

    async def test_that_cannot_be_built_is_a_503_and_is_tried_again(
        self, capfd: pytest.CaptureFixture[str]
    ) -> None:
        document = OpenApiDocument(lambda: {"bad": float("nan")})
        for _ in range(2):
            with pytest.raises(Unavailable):
                await document.document()
        assert "Out of range float values" in capfd.readouterr().err

    def test_leaves_no_process_and_no_descriptor(self) -> None:
        before = len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else 0
        children = set(psutil.Process().children())
        assert built_in_child(lambda: {"a": "é"}) == '{"a":"é"}'.encode()
        assert (len(os.listdir("/proc/self/fd")) if before else 0) == before
        assert set(psutil.Process().children()) == children


async def test_what_stops_the_gateway_stops_the_child() -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: None)  # as uvicorn has one
    try:
        with pytest.raises(Unavailable):
            await OpenApiDocument(lambda: os.kill(os.getpid(), signal.SIGTERM)).document()
    finally:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)


async def test_the_apps_own_endpoint_serves_it() -> None:
    app = FastAPI(title="shop")

    @app.get("/things")
    async def things() -> str:
        return ""

    built_here: list[object] = []
    describe = app.openapi
    app.openapi = lambda: built_here.append(1) or describe()  # type: ignore[method-assign, func-returns-value]
    serve_openapi(app)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["info"]["title"] == "shop"
    assert "/things" in answer.json()["paths"]
    assert not built_here  # but in the child
