"""The same seed gives the same faults; every run has each kind."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections import Counter

import pytest

from tests.faults.schedule import KillGateway, schedule


@pytest.mark.parametrize("seconds", [25, 600, 3600])
def test_the_same_seed_repeats_the_schedule_and_another_does_not(seconds: float) -> None:
    assert schedule(7, seconds) == schedule(7, seconds)
    assert schedule(7, seconds) != schedule(8, seconds)


def test_another_process_makes_the_same_schedule_and_prints_its_seed() -> None:
    command = [sys.executable, "-m", "tests.faults.fault_run", "--minutes", "1", "--seed", "7", "--show"]
    first, second = (subprocess.run(command, capture_output=True, check=True).stdout for _ in range(2))
    assert first == second
    assert first.startswith(b"seed 7:")


@pytest.mark.parametrize("seed", range(30))
def test_each_round_has_every_fault_within_the_run_and_kills_another_gateway(seed: int) -> None:
    faults = schedule(seed, 600)
    assert set(Counter(type(fault).__name__ for fault in faults).values()) == {15, 30}  # two ways to cut
    moments = [fault.at_s for fault in faults]
    assert moments == sorted(moments)
    assert min(moments) > 0
    assert max(moments) < 600
    killed = [fault.gateway for fault in faults if isinstance(fault, KillGateway)]
    assert all(one != other for one, other in itertools.pairwise(killed))
    assert set(killed) == {0, 1, 2}


def test_a_run_too_short_for_all_faults_is_refused() -> None:
    with pytest.raises(ValueError, match="20 seconds"):
        schedule(1, 19)
