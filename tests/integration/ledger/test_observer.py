"""What an observer of the ledger is told: every batch, and after its callers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from billing.database import Pool
from billing.errors import InsufficientCredits
from billing.ledger import Ledger
from billing.ledger.batches import Answer, Request
from billing.ledger.schemas import Entry, Hold, HoldRequest, Payer, TransactionKind

ALICE = Payer("user_id", "alice")


@dataclass
class Recorder:
    batches: list[tuple[list[str], list[type]]] = field(default_factory=list)

    def batch(
        self, requests: Sequence[Request], answers: Sequence[Answer | Exception], round_trip_s: float
    ) -> None:
        assert 0 < round_trip_s < 60
        self.batches.append(([request.key for request in requests], [type(answer) for answer in answers]))


async def test_is_told_of_batches_and_of_what_travels_alone(pool: Pool) -> None:
    recorder = Recorder()
    async with Ledger(pool, owner="test", observer=recorder) as ledger:
        await ledger.post(Entry(ALICE, TransactionKind.TOPUP, 100, "topup:1", "Top-up"))
        keys = ("a", "b", "too much")
        amounts = (10, 20, 1000)
        holds = [HoldRequest(key, ALICE, amount, 0, 60) for key, amount in zip(keys, amounts, strict=True)]
        await asyncio.gather(*map(ledger.hold, holds), return_exceptions=True)
        await asyncio.sleep(0)
        assert recorder.batches == [(list(keys), [Hold, Hold, InsufficientCredits])]
        await ledger.hold(HoldRequest("c", ALICE, 10, 0, 60))
        await ledger.hold(HoldRequest("alone", ALICE, 10, 0, 60))
        await asyncio.sleep(0)
    assert recorder.batches[1:] == [(["c"], [Hold]), (["alone"], [Hold])]
