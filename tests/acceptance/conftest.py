"""One running Proxyllm for all acceptance tests: starting one takes most of a minute."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ConfigDict

from devkit.run.run_file import RunFile
from tests.acceptance.customers import admin, new_customer, operators_key, running_url
from tests.acceptance.launch import launch

__all__ = ["admin", "new_customer", "operators_key", "running_url"]

TIMEOUT_S = 420  # the first test waits for the start


class Running(RunFile):
    """What run.json says, and the process behind it."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    home: Path
    process: subprocess.Popen[bytes]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A whole Proxyllm with an empty database, demo models and sandbox; stopped after the last test."""
    home = tmp_path_factory.mktemp("proxyllm") / "home"
    launched = launch(home, environment={"BILLING_SWEEP_INTERVAL_S": "1"})  # tests wait for the sweeper
    try:
        run_file = launched.until_ready()
        yield Running(**run_file.model_dump(), home=launched.home, process=launched.process)
    finally:
        launched.stop()
