"""A gateway of its own for what the shared one must not suffer: strict mode, LiteLLM's cache, a Stripe that
is away all along, a Postgres that goes away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.acceptance.conftest import Running
from tests.acceptance.customers import Customer, making_customers
from tests.acceptance.endings.hostile import Gateway
from tests.acceptance.launch import launch
from tests.postgres_server import PostgresServer

LEASE_S = 4
SETTINGS = {
    "BILLING_STRICT": "true",
    "BILLING_HOLD_TTL_S": str(LEASE_S),
    "BILLING_SWEEP_INTERVAL_S": "1",
    "BILLING_LEDGER_WAIT_S": "2",
    "STRIPE_API_KEY": "sk_test_away",
    "STRIPE_API_BASE": "http://127.0.0.1:9",  # nobody listens there
    "STORE_MODEL_IN_DB": "True",  # lets an admin turn the cache on
}


@pytest.fixture(scope="package")
def own_postgres() -> Iterator[PostgresServer]:
    """The database server of the strict gateway; tests stop it and start it again."""
    server = PostgresServer()
    yield server
    server.close()


@pytest.fixture(scope="package")
def strict(own_postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A gateway with BILLING_STRICT, short leases, and no way to Stripe."""
    environment = {**SETTINGS, "DATABASE_URL": own_postgres.create_database()}
    launched = launch(tmp_path_factory.mktemp("strict") / "home", environment=environment)
    try:
        facts = launched.until_ready()
        yield Running(**facts.model_dump(), home=launched.home, process=launched.process)
    finally:
        launched.stop()


@pytest.fixture
def strict_admin(strict: Running) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {strict.master_key}"}
    with httpx.Client(base_url=strict.base_url, headers=headers, timeout=30) as admin:
        yield admin


@pytest.fixture
def strict_customer(strict: Running, strict_admin: httpx.Client) -> Iterator[Callable[..., Customer]]:
    """Makes customers of the strict gateway."""
    with making_customers(strict, strict_admin) as make:
        yield make


@pytest.fixture(scope="module", params=["strict", "running"])
def gateway(request: pytest.FixtureRequest) -> Iterator[Gateway]:
    """The strict gateway, and the one of all acceptance tests: what asks for it runs on both."""
    running: Running = request.getfixturevalue(request.param)
    headers = {"Authorization": f"Bearer {running.master_key}"}
    with (
        httpx.Client(base_url=running.base_url, headers=headers, timeout=30) as admin,
        making_customers(running, admin) as make,
    ):
        yield Gateway(request.param == "strict", admin, make)
