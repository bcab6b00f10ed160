"""A sandbox in memory, without a server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from devkit.stripe_sandbox.runtime import Sandbox
from devkit.stripe_sandbox.store import Store


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Deliveries are queued for one endpoint and never sent."""
    store = Store(Path(":memory:"))
    sandbox = Sandbox(store, ("sk_test_unit",), "http://sandbox.test")
    sandbox.install_endpoint("http://shop.test/webhook", ["whsec_unit"])
    yield sandbox
    store.close()
