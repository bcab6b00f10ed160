"""One running Proxyllm for all acceptance tests: starting one takes most of a minute."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.acceptance.customers import admin, new_customer, running_url
from tests.acceptance.launch import launch

__all__ = ["admin", "new_customer", "running_url"]

TIMEOUT_S = 420  # the first test waits for the start


@dataclass(frozen=True)
class Running:
    """What run.json says, and the process behind it."""

    base_url: str
    master_key: str
    demo_key: str
    demo_customer: str
    page_url: str
    admin_page_url: str
    stripe_api_base: str
    stripe_api_key: str
    stripe_webhook_secret: str
    database_url: str
    pid: int
    home: Path
    process: subprocess.Popen[bytes]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A whole Proxyllm with an empty database, demo models and sandbox; stopped after the last test."""
    launched = launch(tmp_path_factory.mktemp("proxyllm") / "home")
    try:
        run_file = launched.until_ready()
        yield Running(**run_file.model_dump(), home=launched.home, process=launched.process)
    finally:
        launched.stop()
