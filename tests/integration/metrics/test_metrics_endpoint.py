"""`/metrics` where LiteLLM mounts none, where it does, and with several workers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

COUNT = """
from billing.metrics import instruments
instruments.HOLDS.labels("admitted").inc(3)
instruments.OPEN_CALLS.set(2)
instruments.OPEN_HOLDS.set(40)
print("counted", flush=True)
input()
"""
SCRAPE = """
import asyncio, httpx
from fastapi import FastAPI
from billing.proxy.litellm.metrics_endpoint import mount_metrics
app = FastAPI()
mount_metrics(app)
async def scrape():
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        print((await client.get("/metrics/")).text)
asyncio.run(scrape())
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    ours = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PYTHONPATH": os.getcwd()}
    return os.environ | ours | {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}


def test_any_worker_answers_for_all_of_them(environment: dict[str, str]) -> None:
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", COUNT],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    try:
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "counted\n"
        command = [sys.executable, "-c", SCRAPE]
        scraped = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=90, check=True
        ).stdout.splitlines()
    finally:
        for worker in workers:
            worker.communicate("\n", timeout=30)
    assert 'proxyllm_holds_total{verdict="admitted"} 6.0' in scraped, "counters add up"
    assert "proxyllm_open_calls 4.0" in scraped, "each has calls of its own"
    assert "proxyllm_open_holds 40.0" in scraped, "the database is one"


async def test_litellms_own_endpoint_comes_behind_ours_and_shows_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    from litellm.integrations.prometheus_metrics_endpoint import make_metrics_asgi_app
    from prometheus_client import REGISTRY

    from billing.metrics.instruments import SETTLING
    from billing.proxy.litellm.metrics_endpoint import mount_metrics

    SETTLING.set(7)
    ours, theirs = FastAPI(), FastAPI()
    mount_metrics(ours)
    theirs.mount("/metrics", make_metrics_asgi_app(REGISTRY))
    ours.mount("/metrics", make_metrics_asgi_app(REGISTRY))
    shown = [await families(app) for app in (ours, theirs)]
    assert "proxyllm_settling 7.0" in shown[0]
    assert {line.split(" ")[0] for line in shown[0]} == {line.split(" ")[0] for line in shown[1]}


async def families(app: FastAPI) -> list[str]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        return (await client.get("/metrics/")).raise_for_status().text.splitlines()
