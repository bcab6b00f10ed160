"""A short fault run with each kind of fault. `make fault-run` does longer ones."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.faults.fault_run import run, say, show

SECONDS = 25.0


@pytest.mark.timeout(700)  # three gateways start, one of them twice
async def test_every_promise_holds_while_processes_database_and_network_fail(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(10**6)
    say(f"seed {seed}: {SECONDS} s")  # shown where it fails
    report = await run(seed, SECONDS, tmp_path, say)
    show(report, say)
    assert report.problems == []
    assert (report.kills, report.restarts) == (1, 1)
    assert report.lost_answers > 0
    assert report.cut_statements > 0
    assert report.answers["200"] > 10  # a busy machine does few
    assert report.answers["402"] > 0
    assert report.verdicts.admissions > 10
