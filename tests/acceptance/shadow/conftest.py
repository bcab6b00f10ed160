"""A gateway of its own in shadow mode."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance.conftest import Running
from tests.acceptance.launch import launch


@pytest.fixture(scope="package")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A whole Proxyllm that enforces nothing; stopped after the last test of this folder."""
    directory = tmp_path_factory.mktemp("shadow")
    prices = directory / "prices.yaml"
    prices.write_text("price_rules: [{name: house, model: demo-embed, multiplier: 2.5}]", "utf-8")
    environment = {"BILLING_MODE": "shadow", "BILLING_PRICES_FILE": str(prices)}
    launched = launch(directory / "home", environment=environment)
    try:
        run_file = launched.until_ready()
        yield Running(**run_file.model_dump(), home=launched.home, process=launched.process)
    finally:
        launched.stop()
