"""Counts what the ledger and the middleware report. Runs on the request path: microseconds, no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from prometheus_client import Counter

from billing.errors import BillingError
from billing.ledger.batches import Answer, PreparedHold, Request
from billing.ledger.schemas import Hold, Resolution
from billing.metrics.instruments import BATCH_SIZE, ENDINGS, HOLDS, REFUSALS, ROUND_TRIP

_admitted = HOLDS.labels("admitted")  # looking up a label costs more than counting


@lru_cache(maxsize=256)
def _ending(status: str, ending: str) -> Counter:
    return ENDINGS.labels(status, ending)


class CountedLedger:
    """The ledger observer that counts holds and endings."""

    def batch(
        self, requests: Sequence[Request], answers: Sequence[Answer | Exception], round_trip_s: float
    ) -> None:
        """Counts a batch that came back from Postgres."""
        BATCH_SIZE.observe(len(requests))
        ROUND_TRIP.observe(round_trip_s)
        for request, answer in zip(requests, answers, strict=True):
            if isinstance(request, PreparedHold):
                _count_hold(answer)
            else:
                _count_ending(answer)


def _count_hold(answer: Answer | Exception) -> None:
    if isinstance(answer, Hold):
        _admitted.inc()
    else:
        HOLDS.labels(_code_of(answer) if isinstance(answer, Exception) else "repeated").inc()


def _count_ending(answer: Answer | Exception) -> None:
    if isinstance(answer, Exception):
        ENDINGS.labels("error", _code_of(answer)).inc()
    elif isinstance(answer, Resolution):
        _ending(answer.status.value if answer.changed else "repeated", answer.ending).inc()


def _code_of(error: Exception) -> str:
    return error.code if isinstance(error, BillingError) else "unexpected"


def count_refusal(refusal: BillingError | None) -> None:
    """Counts a finished request that was refused."""
    if refusal is not None:
        REFUSALS.labels(refusal.code).inc()
