"""What may look on while the ledger works."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from billing.ledger.batches import Answer, Request


class LedgerObserver(Protocol):
    """Is told of each batch, after its callers. Runs on the event loop: it must be quick."""

    def batch(
        self, requests: Sequence[Request], answers: Sequence[Answer | Exception], round_trip_s: float
    ) -> None: ...
