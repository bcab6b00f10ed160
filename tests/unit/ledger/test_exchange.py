"""What a single request answers, whatever comes back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import psycopg
import pytest

from billing.ledger.batches import Answer, PreparedEnding
from billing.ledger.commit_batch import PayerMemory, send_single
from billing.ledger.connection import LedgerConnection
from billing.ledger.wire import Rows


class Reply(LedgerConnection):
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
    """Else the committer would wait for it for ever, and all others behind it."""
    answers: list[Answer | Exception | None] = []
    ending = PreparedEnding("call", "release", 0, "failed")
    assert send_single(Reply(rows), "owner", PayerMemory(1), ending, answers.append)
    assert [type(answer) for answer in answers] == [ValueError]
