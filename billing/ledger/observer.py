"""The observer interface of the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from billing.ledger.batches import Answer, Request


class LedgerObserver(Protocol):
    """Is called after each batch, once its callers have their answers.

    Runs on the event loop: must be quick.
    """

    def batch(
        self, requests: Sequence[Request], answers: Sequence[Answer | Exception], round_trip_s: float
    ) -> None: ...
