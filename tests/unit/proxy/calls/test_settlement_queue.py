import asyncio

import pytest

from billing.errors import KeyConflict, LedgerUnavailable
from billing.ledger.schemas import Resolution
from billing.proxy.calls import settlement_queue as settlement_queue_module
from billing.proxy.calls.settlement_queue import SettlementQueue


class Resolving:
    """Fails with each given error in turn, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.tries = 0

    async def __call__(self) -> Resolution | None:
        self.tries += 1
        if self.errors:
            raise self.errors.pop(0)
        return None


async def run(resolving: Resolving) -> bool:
    done = asyncio.Event()
    settlement_queue = SettlementQueue()
    settlement_queue.submit("call_1", resolving, done.set)
    assert settlement_queue.waiting == 1
    left = await settlement_queue.drain(timeout_s=5)
    assert left == 0
    return done.is_set()


class TestSettler:
    async def test_resolves_once_and_reports(self) -> None:
        resolving = Resolving()
        assert await run(resolving)
        assert resolving.tries == 1

    async def test_does_not_give_up_while_the_ledger_is_away(self) -> None:
        resolving = Resolving(LedgerUnavailable("down"), LedgerUnavailable("still down"))
        assert await run(resolving)
        assert resolving.tries == 3

    async def test_another_answer_on_record_ends_it(self) -> None:
        resolving = Resolving(KeyConflict("settled before"))
        assert await run(resolving)
        assert resolving.tries == 1

    async def test_draining_leaves_what_the_ledger_does_not_take(self) -> None:
        settlement_queue = SettlementQueue()
        away = [LedgerUnavailable("down")] * 100
        settlement_queue.submit("call_1", Resolving(*away), lambda: None)
        assert await settlement_queue.drain(timeout_s=0.05) == 1

    def test_waits_longer_each_time_but_not_forever(self) -> None:
        assert settlement_queue_module._RETRY_S_FIRST < settlement_queue_module._RETRY_S_MAX <= 10


class TestUnexpectedErrors:
    async def test_an_error_that_nobody_expected_is_tried_again(self) -> None:
        resolving = Resolving(RuntimeError("read-only after a failover"), LedgerUnavailable("down"))
        assert await run(resolving)
        assert resolving.tries == 3

    async def test_a_bug_that_stays_leaves_the_call_to_the_sweeper(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(settlement_queue_module, "_RETRY_S_FIRST", 0.0)
        resolving = Resolving(*[RuntimeError("a bug")] * 1000)
        assert await run(resolving)
        assert resolving.tries == settlement_queue_module._BUGS_MAX
