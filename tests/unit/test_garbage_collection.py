"""When Python may collect garbage."""

from __future__ import annotations

import contextlib
import gc

import pytest

from billing.garbage_collection import freeze_started, paused_collection


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
