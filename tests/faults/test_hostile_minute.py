"""Every kind of attack at once, for some seconds; `make bench ARGS="--only hostile"` takes a minute.

What is judged is the CPU of a stop, which other programs on the machine do not lengthen.
"""

from __future__ import annotations

import pytest

from benchmarks.gateways import running
from benchmarks.hostile.minute import Minute, Plan, measure

PLAN = Plan(warm_up_s=2.0, seconds=8.0, rest_s=2.0, pace=0.25)
STOP_MAX_MS = 500.0


@pytest.mark.timeout(600)
async def test_strangers_and_penniless_customers_stop_no_paying_one() -> None:
    with running(is_watched=True) as run:
        minute = await measure(run, PLAN)
    assert minute.paying.failed == 0, minute.paying
    assert minute.paying.ok > 0
    assert minute.charges.are_exact, minute.charges
    assert minute.liveness.failed == 0
    assert minute.event_loop is not None
    assert minute.event_loop.longest_cpu_ms <= STOP_MAX_MS, _shown(minute)
    assert minute.kept().memory, minute.memory


def _shown(minute: Minute) -> str:
    """What each attack got, which tells which one was dear."""
    return minute.attackers.model_dump_json(indent=1)
