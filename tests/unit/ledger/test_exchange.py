"""What a lone request answers, whatever comes back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import psycopg
import pytest

from billing.ledger.batches import Answer, EndingAsk
from billing.ledger.exchange import PayerMemory, start_lone
from billing.ledger.link import Link
from billing.ledger.wire import Rows


class Reply(Link):
    """Answers at once, with what the test says."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def start(
        self, statement: bytes, parameters: Sequence[object], on_rows: Callable[[Rows | psycopg.Error], None]
    ) -> bool:
        on_rows(self._rows)
        return True


@pytest.mark.parametrize("rows", [[], [()], [(1, 2), (3, 4)]])
def test_what_cannot_be_understood_is_told_and_not_lost(rows: Rows) -> None:
    """Else the lane would wait for it for ever, and all others behind it."""
    answers: list[Answer | Exception | None] = []
    ending = EndingAsk("call", "release", 0, "failed")
    assert start_lone(Reply(rows), "owner", PayerMemory(1), ending, answers.append)
    assert [type(answer) for answer in answers] == [ValueError]
