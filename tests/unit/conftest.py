"""Unit tests run without I/O: none of them opens a network socket or is given a Postgres."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def no_network_sockets(socket_disabled: None) -> None:
    """Fails tests that open a network socket or look up a host; event loops still get their socket pairs.

    `--allow-unix-socket` in pyproject.toml permits those. The marker `enable_socket` has no effect here.
    """


@pytest.fixture(scope="session")
def postgres() -> None:
    """Fails tests that use a database: libpq opens its own sockets, which `no_network_sockets` cannot see."""
    pytest.fail("Unit tests have no Postgres; move this test to tests/integration.", pytrace=False)
