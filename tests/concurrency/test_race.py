"""The race of `make race`, smaller: exactly what was paid for is admitted."""

from __future__ import annotations

import pytest

from tests.concurrency.race import HOT, PROCESSES, Plan, race


def test_all_holds_of_a_plan_are_asked_by_its_processes() -> None:
    plan = Plan(30_000, 1)
    shares = [plan.share(number) for number in range(PROCESSES)]
    assert {account: sum(share[account] for share in shares) for account in plan.asked()} == plan.asked()
    assert all(sum(share.values()) > 0 for share in shares)


@pytest.mark.timeout(300)
async def test_20000_holds_of_4_processes_admit_to_the_nano_what_is_paid_for(database_url: str) -> None:
    plan = Plan(20_000, 7)
    outcome = await race(database_url, plan)
    assert outcome.problems == []
    assert outcome.holds == 20_000
    assert outcome.admitted == sum(plan.paid().values())
    assert outcome.refused >= HOT * 20_000 // 2 // HOT // 5
