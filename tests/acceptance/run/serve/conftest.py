"""One deployment for the tests of a place; each test starts and stops the gateway in it as it likes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance.run.serve.deployment import Deployment, Place, ThisMachine
from tests.acceptance.run.serve.surroundings import surroundings


@pytest.fixture(scope="module")
def place() -> Place:
    """Where the gateway runs."""
    return ThisMachine()


@pytest.fixture(scope="module")
def deployment(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A migrated database, Stripe, Ollama, and a gateway that is not started yet."""
    directory = tmp_path_factory.mktemp("deployment")
    with surroundings(directory) as around:
        made = Deployment(place, around, directory / "gateway.log")
        assert made.run("proxyllm", "migrate") == 0, made.said()
        try:
            yield made
        finally:
            made.end()


@pytest.fixture
def running(deployment: Deployment) -> Deployment:
    """The gateway, serving. It may be stopped by the test; the next one starts it again."""
    if deployment.process is None:
        deployment.start()
    return deployment
