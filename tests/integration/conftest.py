"""Billing's own routes on a real Postgres and the sandbox, started once; each test has its own customers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from billing.api.caller import Caller
from billing.ledger.schemas import Payer
from billing.settings import Settings
from tests.integration.plain_gateway import SECRET, Gateway, Json, Sandbox, run_gateway
from tests.integration.webhooks.events import COMPLETED
from tests.postgres_server import PostgresServer

API_KEY = "sk_test_integration"


@pytest.fixture(scope="session")
def shared_database_url(postgres: PostgresServer, migrated_template: str) -> Iterator[str]:
    """A migrated database that all tests of the routes share."""
    with postgres.database(migrated_template) as url:
        yield url


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    command = [sys.executable, "-m", "devkit.stripe_sandbox", "--port", "0", "--home", "."]
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "SANDBOX_API_KEY": API_KEY, "PYTHONPATH": str(root)}
    process = subprocess.Popen(
        [*command, "--parent-pid", str(os.getpid())],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=tmp_path_factory.mktemp("sandbox"),
    )
    assert process.stdout is not None
    with process.stdout:
        ready = json.loads(process.stdout.readline())
        yield Sandbox(ready["url"], API_KEY)
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="session")
def settings(shared_database_url: str, sandbox: Sandbox) -> Settings:
    """As an operator would set them, on our Postgres and the local Stripe."""
    return Settings.model_validate(
        {
            "database_url": shared_database_url,
            "stripe_api_key": API_KEY,
            "stripe_webhook_secret": f"whsec_retired,{SECRET}",
            "stripe_api_base": sandbox.url,
            "billing_public_url": "https://pay.example.com",
            "billing_return_hosts": "app.example.com",
        }
    )


@pytest.fixture
async def gateway(settings: Settings) -> AsyncIterator[Gateway]:
    async with run_gateway(settings) as running:
        yield running


@dataclass(frozen=True)
class People:
    """Keys of this test, and who holds them."""

    alice: str
    bob: str
    admin: str
    viewer: str
    nobody: str
    alice_id: str
    bob_id: str


def seat(gateway: Gateway) -> People:
    """Gives the gateway a customer with a key, another one, and the operator's keys."""
    mark = uuid4().hex[:12]
    people = People(
        alice=f"sk-alice-{mark}",
        bob=f"sk-bob-{mark}",
        admin=f"sk-admin-{mark}",
        viewer=f"sk-viewer-{mark}",
        nobody=f"sk-nobody-{mark}",
        alice_id=f"alice-{mark}",
        bob_id=f"bob-{mark}",
    )
    gateway.callers.update(
        {
            people.alice: Caller(Payer("user_id", people.alice_id), key_hash="a", user_id=people.alice_id),
            people.bob: Caller(Payer("user_id", people.bob_id), key_hash="b", user_id=people.bob_id),
            people.admin: Caller(None, is_admin=True, key_hash="c", user_id="operator"),
            people.viewer: Caller(None, is_admin_viewer=True, key_hash="d"),
            people.nobody: Caller(None, key_hash="e"),
        }
    )
    return people


@pytest.fixture
def people(gateway: Gateway) -> People:
    return seat(gateway)


@pytest.fixture
async def paid(gateway: Gateway, people: People, sandbox: Sandbox) -> Json:
    """The `completed` event of a top-up of 10.00 that was paid and not delivered yet."""
    session_id = await gateway.topup(people.alice)
    (await sandbox.pay(session_id)).raise_for_status()
    return await sandbox.event(session_id, COMPLETED)
