"""`make run`, stopped as a terminal or a service manager stops it: by a signal to its process group."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from tests.acceptance.run.life import Life, assert_quick


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    """As a terminal starts it: what a shell runs in the background is deaf to Ctrl-C, and make with it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    life = Life(tmp_path_factory.mktemp("group"))
    yield life
    life.kill()
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_ends_all_of_it(number: signal.Signals, life: Life) -> None:
    is_second_start = life.home.exists()
    launched, _ = life.start()
    if is_second_start:
        assert_quick(launched)

    os.killpg(launched.process.pid, number)

    assert launched.until_stopped() != 0  # make's own way of telling that it was stopped
    life.assert_gone()
    assert not (life.home / "run.json").exists()
    assert "stopping" in launched.output
    assert "Traceback" not in launched.output
