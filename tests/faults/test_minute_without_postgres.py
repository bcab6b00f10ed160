"""Postgres is away for a minute, beyond lease and watchdog, when a call is to be settled: it is, and once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from devkit.run.run_file import RunFile
from tests.acceptance.launch import launch
from tests.deadline import eventually
from tests.faults.test_killed_gateway import LEASES, charges_of, credit, get
from tests.postgres_server import PostgresServer

OUTAGE_S = 60.0
TOKENS = 4  # of demo-slow, one a second
BODY = {
    "model": "demo-slow",
    "messages": [{"role": "user", "content": "hello there"}],
    "max_tokens": TOKENS,
    "stream": True,
}

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    """The gateway's own."""
    server = PostgresServer()
    yield server
    server.close()


@pytest.fixture
def facts(postgres: PostgresServer, tmp_path: Path) -> Iterator[RunFile]:
    """A gateway with leases of five seconds, and a watchdog of ten."""
    environment = {**LEASES, "BILLING_WATCHDOG_S": "10", "DATABASE_URL": postgres.create_database()}
    launched = launch(tmp_path / "home", environment=environment)
    try:
        yield launched.until_ready()
    finally:
        launched.stop()


def answers(facts: RunFile) -> bool:
    try:
        get(facts, "/stripe/balance")
    except httpx.HTTPError:
        return False
    return True


def test_at_the_settlement_costs_the_call_once(facts: RunFile, postgres: PostgresServer) -> None:
    credit(facts, "1")
    headers = {"Authorization": f"Bearer {facts.demo_key}"}
    url = f"{facts.base_url}/v1/chat/completions"
    with httpx.stream("POST", url, headers=headers, json=BODY, timeout=60) as answer:
        lines = answer.iter_lines()
        next(lines)
        postgres.stop()
        *_, last = (line for line in lines if line)
    assert last == "data: [DONE]"
    threading.Event().wait(OUTAGE_S)  # the outage itself
    postgres.start()
    eventually(lambda: answers(facts), timeout_s=60)
    eventually(lambda: get(facts, "/stripe/balance")["held"] == "0.00", timeout_s=60)
    eventually(lambda: charges_of(facts)[0]["detail"]["ending"] == "finished", timeout_s=60)
    newest = charges_of(facts)[0]
    tokens = newest["detail"]["tokens"]
    cost = tokens["prompt"] * Decimal("0.00000015") + TOKENS * Decimal("0.0000006")
    assert -Decimal(newest["amount"]) == cost
    assert Decimal(str(get(facts, "/stripe/balance")["balance"])) == 1 - cost
