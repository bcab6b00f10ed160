"""Customers that a module's tests share."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.acceptance.conftest import Running
from tests.acceptance.customers import NewCustomer, making_customers


@pytest.fixture(scope="module")
def door_customers(running: Running) -> Iterator[NewCustomer]:
    """See `making_customers`."""
    headers = {"Authorization": f"Bearer {running.master_key}"}
    with (
        httpx.Client(base_url=running.base_url, headers=headers, timeout=30) as admin,
        making_customers(running, admin) as make,
    ):
        yield make
