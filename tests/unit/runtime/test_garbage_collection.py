"""When Python may collect garbage."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import weakref

import pytest

from billing.runtime.garbage_collection import collecting_between_callbacks, freeze_started, paused_collection
from tests.deadline import eventually


class Cyclic:
    """Garbage that only a collection finds."""

    def __init__(self) -> None:
        self.me = self


@pytest.mark.parametrize("enabled", [True, False])
def test_is_off_during_an_import_and_afterwards_as_it_was(enabled: bool) -> None:
    was_enabled = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        with contextlib.suppress(ImportError), paused_collection():
            assert not gc.isenabled()
            raise ImportError
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if was_enabled else gc.disable)()


def test_of_what_the_start_left_never_happens_again_but_of_later_garbage() -> None:
    kept = Cyclic()
    assert freeze_started() > 1000
    assert not any(each is kept for each in gc.get_objects())
    later = Cyclic()
    assert any(each is later for each in gc.get_objects())


async def test_happens_between_callbacks_of_the_event_loop_and_never_within_one() -> None:
    ends: list[bool] = []
    within_callback = True
    async with collecting_between_callbacks():
        for _ in range(20 * gc.get_threshold()[0]):
            weakref.finalize(Cyclic(), lambda: ends.append(within_callback))
        within_callback = False
        await asyncio.to_thread(eventually, lambda: len(ends) > 0)
        assert not any(ends)
    assert gc.isenabled()


async def test_between_callbacks_reaches_what_has_lived_long() -> None:
    thresholds = gc.get_threshold()
    gc.set_threshold(700, 1, 1)
    try:
        async with collecting_between_callbacks():
            old = Cyclic()
            gone = weakref.ref(old)
            gc.collect(1)  # moves it among the oldest
            del old
            kept: list[list[object]] = []

            def is_gone_after_some_work() -> bool:
                kept.append([[] for _ in range(2_000)])
                return gone() is None

            await asyncio.to_thread(eventually, is_gone_after_some_work)
    finally:
        gc.set_threshold(*thresholds)


async def test_between_callbacks_goes_on_after_one_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    collect = gc.collect
    failed: list[bool] = []

    def fail_once(generation: int = 2) -> int:
        if not failed:
            failed.append(True)
            raise MemoryError
        return collect(generation)

    monkeypatch.setattr(gc, "collect", fail_once)
    async with collecting_between_callbacks():
        gone = weakref.ref(Cyclic())
        kept: list[list[object]] = [[] for _ in range(20 * gc.get_threshold()[0])]
        await asyncio.to_thread(eventually, lambda: gone() is None)
    assert failed
    assert kept
