"""`kill -9` of the gateway while streams run: nothing stays held, nothing is free, everything is listed."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import httpx
import psutil
import pytest

from billing.local.run_file import RunFile
from tests.acceptance.launch import PROGRAM, Launched, launch
from tests.deadline import eventually

STREAMS = 50
LEASES = {"BILLING_HOLD_TTL_S": "5", "BILLING_SWEEP_INTERVAL_S": "1"}
BODY = {
    "model": "demo-slow",
    "messages": [{"role": "user", "content": "a long story, please"}],
    "max_tokens": 300,
    "stream": True,
}

BROKEN = (httpx.RemoteProtocolError, httpx.ReadError)

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def launched(home: Path) -> Iterator[list[Launched]]:
    """The runs that the test started, stopped at its end."""
    runs: list[Launched] = []
    yield runs
    for run in runs:
        run.stop()


def gateway_of(run: Launched) -> psutil.Process:
    children = psutil.Process(run.process.pid).children(recursive=True)
    [gateway] = [child for child in children if "billing.local.gateway" in child.cmdline()]
    return gateway


def credit(facts: RunFile, amount: str) -> None:
    httpx.post(
        f"{facts.base_url}/stripe/credits",
        headers={"Authorization": f"Bearer {facts.master_key}"},
        json={"customer_id": facts.demo_customer, "amount": amount, "reason": "test"},
    ).raise_for_status()


def get(facts: RunFile, path: str, **params: str | int) -> dict[str, object]:
    answer = httpx.get(
        f"{facts.base_url}{path}", params=params, headers={"Authorization": f"Bearer {facts.demo_key}"}
    )
    body: dict[str, object] = answer.raise_for_status().json()
    return body


async def open_streams(facts: RunFile, gateway: psutil.Process) -> None:
    """Opens all streams, kills the gateway when each has begun, and sees each break."""
    begun = asyncio.Barrier(STREAMS)
    async with httpx.AsyncClient(timeout=120, limits=httpx.Limits(max_connections=STREAMS)) as client:

        async def stream() -> None:
            headers = {"Authorization": f"Bearer {facts.demo_key}"}
            url = f"{facts.base_url}/v1/chat/completions"
            async with client.stream("POST", url, headers=headers, json=BODY) as answer:
                assert answer.status_code == 200, await answer.aread()
                lines = answer.aiter_lines()
                await anext(lines)
                if await begun.wait() == 0:
                    gateway.kill()
                async for _ in lines:
                    continue

        results = await asyncio.gather(*(stream() for _ in range(STREAMS)), return_exceptions=True)
    assert {type(result) for result in results} <= set(BROKEN), results


def ask(command: str, facts: RunFile) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "DATABASE_URL": facts.database_url}
    return subprocess.run([PROGRAM, command, "--json"], env=environment, capture_output=True, check=False)


class TestKilledWithStreamsOpen:
    def test_each_is_charged_by_the_rule_and_listed_and_the_books_agree(
        self, home: Path, launched: list[Launched]
    ) -> None:
        first = launch(home, environment=LEASES)
        launched.append(first)
        facts = first.until_ready()
        credit(facts, "10")
        asyncio.run(open_streams(facts, gateway_of(first)))
        assert first.until_stopped() != 0

        second = launch(home, environment=LEASES)
        launched.append(second)
        facts = second.until_ready()
        eventually(lambda: get(facts, "/stripe/balance")["held"] == "0.00", timeout_s=60)

        charges = get(facts, "/stripe/transactions", type="charge", limit=100)["data"]
        assert isinstance(charges, list)
        assert len(charges) == STREAMS
        assert {charge["detail"]["ending"] for charge in charges} == {"no_event"}
        amounts = {Decimal(charge["amount"]) for charge in charges}
        assert len(amounts) == 1
        assert max(amounts) < 0
        assert Decimal(str(get(facts, "/stripe/balance")["balance"])) == 10 + sum(
            Decimal(charge["amount"]) for charge in charges
        )

        review = ask("review", facts)
        assert review.returncode == 0
        assert len(json.loads(review.stdout)["calls"]) == STREAMS
        proof = ask("prove", facts)
        assert proof.returncode == 0, proof.stdout
