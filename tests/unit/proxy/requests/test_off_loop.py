"""A large document is parsed and checked in a thread, a small one at once."""

from __future__ import annotations

import threading

import pytest

from billing.errors import BadRequest
from billing.proxy.requests.off_loop import ELEMENTS_MIN, off_loop


@pytest.mark.parametrize(
    ("elements", "at_once"), [(0, True), (ELEMENTS_MIN - 1, True), (ELEMENTS_MIN, False)]
)
async def test_only_large_documents_leave_the_event_loop(elements: int, at_once: bool) -> None:
    worker = await off_loop(elements, threading.get_ident)
    assert (worker == threading.get_ident()) == at_once


async def test_a_refusal_comes_back_from_there() -> None:
    def refuse() -> None:
        raise BadRequest("no")

    with pytest.raises(BadRequest, match="no"):
        await off_loop(ELEMENTS_MIN, refuse)
