"""Work that repeats: it goes on after a run that failed, and ends when it is told to."""

from __future__ import annotations

import asyncio
import logging

import pytest

from billing.errors import LedgerUnavailable
from billing.jobs.background import Background, Repeated


class Work:
    """Fails as often as it is told to, then says that it ran."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.ran = asyncio.Event()

    async def run(self) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.ran.set()


async def finish(work: Work) -> None:
    background = Background()
    background.start([Repeated("working", 0.001, work.run)])
    async with asyncio.timeout(5):
        await work.ran.wait()
    await background.stop()


async def test_a_run_that_fails_is_logged_and_the_next_one_comes(caplog: pytest.LogCaptureFixture) -> None:
    await finish(Work(ValueError("broken"), ValueError("again")))
    assert [record.message for record in caplog.records] == ["working failed"] * 2


async def test_what_is_away_is_a_line_without_a_trace(caplog: pytest.LogCaptureFixture) -> None:
    await finish(Work(LedgerUnavailable("Postgres is away.")))
    [record] = caplog.records
    assert (record.levelno, record.message) == (logging.WARNING, "working is waiting: Postgres is away.")
    assert record.exc_info is None


async def test_one_that_fails_keeps_no_other_from_running() -> None:
    good = Work()
    background = Background()
    broken = Work(*[ValueError("broken")] * 1000)
    background.start([Repeated("breaking", 0.001, broken.run), Repeated("working", 0.001, good.run)])
    async with asyncio.timeout(5):
        await good.ran.wait()
    await background.stop()


async def test_stopping_waits_until_the_run_has_ended() -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def run() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.set()

    background = Background()
    background.start([Repeated("working", 0.001, run)])
    await began.wait()
    await background.stop()
    assert ended.is_set()
