"""A gateway of its own for what the shared one must not suffer: strict mode, a Postgres that goes away."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.acceptance.conftest import Running
from tests.acceptance.customers import Customer, making_customers
from tests.acceptance.launch import launch
from tests.postgres_server import PostgresServer

LEASE_S = 4
SETTINGS = {
    "BILLING_STRICT": "true",
    "BILLING_HOLD_TTL_S": str(LEASE_S),
    "BILLING_SWEEP_INTERVAL_S": "1",
    "BILLING_LEDGER_WAIT_S": "2",
}


@pytest.fixture(scope="package")
def own_postgres() -> Iterator[PostgresServer]:
    """The database server of the strict gateway; tests stop it and start it again."""
    server = PostgresServer()
    yield server
    server.close()


@pytest.fixture(scope="package")
def strict(own_postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A gateway with BILLING_STRICT and short leases."""
    environment = {**SETTINGS, "DATABASE_URL": own_postgres.create_database()}
    launched = launch(tmp_path_factory.mktemp("strict") / "home", environment=environment)
    try:
        facts = launched.until_ready()
        yield Running(**facts.model_dump(), home=launched.home, process=launched.process)
    finally:
        launched.stop()


@pytest.fixture
def strict_customer(strict: Running) -> Iterator[Callable[..., Customer]]:
    """Makes customers of the strict gateway."""
    headers = {"Authorization": f"Bearer {strict.master_key}"}
    with (
        httpx.Client(base_url=strict.base_url, headers=headers, timeout=30) as admin,
        making_customers(strict, admin) as make,
    ):
        yield make
