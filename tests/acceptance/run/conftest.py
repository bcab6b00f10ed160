"""No test of the launcher leaves what it launched, whatever became of the test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance import launch


@pytest.fixture(autouse=True)
def _stop_what_was_launched() -> Iterator[None]:
    before = len(launch.started)
    yield
    for launched in launch.started[before:]:
        launched.stop()
