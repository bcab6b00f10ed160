"""`kill -9` of the gateway while streams run: nothing stays held, nothing is free, everything is listed."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from devkit.demo_upstream import tokens
from devkit.run.run_file import RunFile
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

# Of the question by our own count, which adds 4 tokens for a message, at demo-slow's price.
INPUT_COST = (tokens.count("a long story, please") + 4) * Decimal("0.00000015")
BROKEN = (httpx.RemoteProtocolError, httpx.ReadError)

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("killed") / "home"


@pytest.fixture(scope="module")
def first(home: Path) -> Iterator[Launched]:
    """A gateway with leases of five seconds; the last test kills it."""
    run = launch(home, environment=LEASES)
    yield run
    run.stop()


@pytest.fixture
def second(home: Path, first: Launched) -> Iterator[Callable[[], Launched]]:
    """Starts another one on the same home, after the first has ended."""
    with ExitStack() as stack:

        def start() -> Launched:
            assert first.process.poll() is not None
            run = launch(home, environment=LEASES)
            stack.callback(run.stop)
            return run

        yield start


def gateway_of(run: Launched) -> psutil.Process:
    children = psutil.Process(run.process.pid).children(recursive=True)
    [gateway] = [child for child in children if "gateway.start.process" in child.cmdline()]
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


def charges_of(facts: RunFile) -> list[dict[str, Any]]:
    data = get(facts, "/stripe/transactions", type="charge", limit=100)["data"]
    assert isinstance(data, list)
    return data


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


class TestLongStream:
    def test_keeps_its_hold_beyond_the_lease(self, first: Launched) -> None:
        facts = first.until_ready()
        credit(facts, "1")
        body = {**BODY, "max_tokens": 12}
        headers = {"Authorization": f"Bearer {facts.demo_key}"}
        url = f"{facts.base_url}/v1/chat/completions"
        late = 1.5 * float(LEASES["BILLING_HOLD_TTL_S"])
        with httpx.stream("POST", url, headers=headers, json=body, timeout=60) as answer:
            began = time.monotonic()
            *held, _ = [  # the last piece comes with the end
                get(facts, "/stripe/balance")["held"]
                for line in answer.iter_lines()
                if '"content"' in line and time.monotonic() - began > late
            ]
        assert len(held) > 1
        assert set(held) == {held[0]}
        assert held[0] != "0.00"
        eventually(lambda: get(facts, "/stripe/balance")["held"] == "0.00")
        [charge] = charges_of(facts)
        assert charge["detail"]["ending"] == "finished"


class TestKilledWithStreamsOpen:
    def test_each_is_charged_by_the_rule_and_listed_and_the_books_agree(
        self, first: Launched, second: Callable[[], Launched]
    ) -> None:
        facts = first.until_ready()
        credit(facts, "10")
        before = Decimal(str(get(facts, "/stripe/balance")["balance"]))
        earlier = len(charges_of(facts))
        asyncio.run(open_streams(facts, gateway_of(first)))
        assert first.until_stopped() != 0

        facts = second().until_ready()
        eventually(lambda: get(facts, "/stripe/balance")["held"] == "0.00", timeout_s=60)

        charges = charges_of(facts)[: -earlier or None]
        assert len(charges) == STREAMS
        assert {charge["detail"]["ending"] for charge in charges} == {"no_event"}
        assert {Decimal(charge["amount"]) for charge in charges} == {-INPUT_COST}
        assert Decimal(str(get(facts, "/stripe/balance")["balance"])) == before - STREAMS * INPUT_COST

        review = ask("review", facts)
        assert review.returncode == 0
        assert len(json.loads(review.stdout)["calls"]) == STREAMS
        proof = ask("verify", facts)
        assert proof.returncode == 0, proof.stdout
