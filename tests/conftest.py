"""What every kind of test may ask for: a real Postgres, and a fresh migrated database in it."""

from __future__ import annotations

import asyncio
import functools
import gc
import os
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import hypothesis
import pytest

from billing.database import Pool, migrate, open_pool
from billing.ledger import Ledger
from billing.runtime.garbage_collection import freeze_started
from tests.postgres_server import PostgresServer, database_of
from tests.scheduling import ByWhatIsStarted

# A busy machine is no finding: neither a slow example nor slow drawing fails a property.
hypothesis.settings.register_profile(
    "proxyllm", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("proxyllm")


# No test speaks TLS, but every HTTP client makes a context for it: 20 ms and more to read 140 certificates.
pytest.MonkeyPatch().setattr(ssl, "create_default_context", functools.cache(ssl.create_default_context))

gc.disable()  # while tests are collected, which imports LiteLLM
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # or that import asks the network for prices


_MOSTLY_LITELLM = tuple(Path(__file__).parent / part for part in ("acceptance", "integration/proxy"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Coverage is measured where our own code runs. It slows down all of LiteLLM's, too, by a third, and what
    gateways of their own run is not seen at all."""
    for item in items:
        if any(part in item.path.parents for part in _MOSTLY_LITELLM):
            item.add_marker(pytest.mark.no_cover)


def pytest_collection_finish() -> None:
    """What was imported stays: it is taken out of all later collections."""
    freeze_started()
    gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByWhatIsStarted:
    """See `tests/scheduling.py`. (`--dist loadgroup` of pytest-xdist 3.8 has no effect with pytest 9.2.)"""
    return ByWhatIsStarted(config, log)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One server a test process: pytest-xdist's workers do not share it."""
    server = PostgresServer(in_memory=True)
    yield server
    server.close()


@pytest.fixture(scope="session")
def migrated_template(postgres: PostgresServer) -> str:
    """The name of a migrated database that tests are copied from; nothing may stay connected to it."""
    url = postgres.create_database()
    asyncio.run(migrate(url))
    return database_of(url)


@pytest.fixture
def database_url(postgres: PostgresServer, migrated_template: str) -> Iterator[str]:
    """A migrated database of the test's own."""
    with postgres.database(migrated_template) as url:
        yield url


@pytest.fixture(scope="module")
def module_database_url(postgres: PostgresServer, migrated_template: str) -> Iterator[str]:
    """A migrated database that the tests of a module share."""
    with postgres.database(migrated_template) as url:
        yield url


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """Connections to the test's database."""
    pool = await open_pool(database_url, wait_s=10.0)
    yield pool
    await pool.close()


@pytest.fixture
async def ledger(pool: Pool) -> AsyncIterator[Ledger]:
    """A ledger on the test's database."""
    async with Ledger(pool, owner="test") as ledger:
        yield ledger
