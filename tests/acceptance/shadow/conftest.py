"""A gateway of its own in shadow mode."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance.conftest import Running
from tests.acceptance.launch import launch


@pytest.fixture(scope="package")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A whole Proxyllm that enforces nothing; stopped after the last test of this folder."""
    launched = launch(tmp_path_factory.mktemp("shadow") / "home", environment={"BILLING_MODE": "shadow"})
    try:
        run_file = launched.until_ready()
        yield Running(**run_file.model_dump(), home=launched.home, process=launched.process)
    finally:
        launched.stop()
