"""LiteLLM's own client, generated and connected exactly as its proxy does it, on a database of the module."""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio

from gateway.litellm_database import migrate, prepare_client
from tests.postgres_server import PostgresServer, database_of


def _silent(_: str) -> None:
    return None


@pytest.fixture(scope="session")
def gateway_environment() -> dict[str, str]:
    """What `prepare_client` says a gateway needs; installs and generates on a fresh machine.

    Another test of this process may have imported the client before it was generated.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PRISMA_QUERY_ENGINE_BINARY", raising=False)
        environment = asyncio.run(prepare_client(_silent))
    if "prisma" in sys.modules:
        importlib.reload(sys.modules["prisma"])
    return environment


@pytest.fixture(scope="session")
def litellm_template(postgres: PostgresServer) -> str:
    """The name of a database with LiteLLM's tables."""
    url = postgres.create_database()
    asyncio.run(migrate(url, _silent))
    return database_of(url)


@pytest.fixture(scope="module")
def litellm_url(
    postgres: PostgresServer, litellm_template: str, gateway_environment: dict[str, str]
) -> Iterator[str]:
    """A database with LiteLLM's tables, in the environment, as the gateway's process finds it."""
    url = postgres.create_database(litellm_template)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in gateway_environment.items():
            patch.setenv(name, value)
        patch.setenv("DATABASE_URL", url)
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def db(litellm_url: str) -> AsyncIterator[Any]:
    """prisma-client-py's `Prisma`, connected to an engine process of its own."""
    assert os.environ["DATABASE_URL"] == litellm_url
    client = importlib.import_module("prisma").Prisma()
    await client.connect()
    yield client
    if client.is_connected():
        await client.disconnect()
