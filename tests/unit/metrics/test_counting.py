"""What the ledger tells is counted under the right names, for less than it may cost."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from prometheus_client import REGISTRY

from billing.errors import BillingError, InsufficientCredits, KeyConflict
from billing.ledger.batches import Answer, KnownHold, PreparedEnding, PreparedHold, Request
from billing.ledger.schemas import Hold, HoldRequest, HoldStatus, Payer, Resolution
from billing.metrics.observing import CountedLedger, count_refusal

PAYER = Payer("user_id", "alice")
ASK = PreparedHold("call_1", HoldRequest("call_1", PAYER, 10, 1, 60), "{}")
NOW = datetime(2026, 11, 21, tzinfo=UTC)
HELD = Hold("call_1", PAYER, 10, 1, HoldStatus.OPEN, None, None, {}, NOW, NOW, 90)
END = PreparedEnding("call_1", "settle", 5, "finished")
COST_MAX_S = 10e-6  # of a call: a hold and an ending


def resolved(*, changed: bool = True) -> Resolution:
    return Resolution("call_1", HoldStatus.SETTLED, "finished", 5, changed, 95)


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def counted(request: Request, answer: Answer | Exception, name: str, **labels: str) -> float:
    """By how much telling of this answer raises the count."""
    before = value(name, **labels)
    CountedLedger().batch([request], [answer], 0.001)
    return value(name, **labels) - before


class TestHolds:
    def test_are_counted_by_verdict(self) -> None:
        poor = InsufficientCredits("too little", available_nanos=1, required_nanos=2)
        assert counted(ASK, HELD, "proxyllm_holds_total", verdict="admitted") == 1
        assert counted(ASK, poor, "proxyllm_holds_total", verdict="insufficient_credits") == 1
        assert counted(ASK, KnownHold("call_1", False), "proxyllm_holds_total", verdict="repeated") == 1
        assert counted(ASK, RuntimeError("a bug"), "proxyllm_holds_total", verdict="unexpected") == 1


class TestEndings:
    def test_are_counted_by_status_and_ending(self) -> None:
        name = "proxyllm_endings_total"
        assert counted(END, resolved(), name, status="settled", ending="finished") == 1
        assert counted(END, resolved(changed=False), name, status="repeated", ending="finished") == 1
        assert counted(END, KeyConflict("twice"), name, status="error", ending="key_conflict") == 1

    def test_an_ending_is_no_hold(self) -> None:
        assert counted(END, KeyConflict("twice"), "proxyllm_holds_total", verdict="key_conflict") == 0


class TestBatches:
    def test_are_measured(self) -> None:
        before = value("proxyllm_ledger_batch_size_sum"), value("proxyllm_ledger_round_trip_seconds_sum")
        CountedLedger().batch([ASK, END], [HELD, resolved()], 0.25)
        after = value("proxyllm_ledger_batch_size_sum"), value("proxyllm_ledger_round_trip_seconds_sum")
        assert after == (before[0] + 2, before[1] + 0.25)


class TestRefusals:
    def test_are_counted_by_code(self) -> None:
        before = value("proxyllm_refusals_total", code="key_conflict")
        count_refusal(KeyConflict("twice"))
        count_refusal(None)
        assert value("proxyllm_refusals_total", code="key_conflict") == before + 1


class TestCost:
    def test_a_call_pays_less_than_ten_microseconds(self) -> None:
        """A batch of 32 calls' holds and endings: the best of many rounds, whatever else the machine does."""
        requests: Sequence[Request] = [ASK, END] * 32
        answers: Sequence[Answer | Exception] = [HELD, resolved()] * 32
        ledger = CountedLedger()
        best_s = min(_timed(ledger, requests, answers) for _ in range(200)) / 32
        assert best_s < COST_MAX_S, f"{best_s * 1e6:.1f} µs a call"

    def test_a_call_that_travels_alone_pays_little_more(self) -> None:
        ledger = CountedLedger()
        hold_s = min(_timed(ledger, [ASK], [HELD]) for _ in range(2000))
        end_s = min(_timed(ledger, [END], [resolved()]) for _ in range(2000))
        assert hold_s + end_s < 2 * COST_MAX_S, f"{(hold_s + end_s) * 1e6:.1f} µs a call"


def _timed(
    ledger: CountedLedger, requests: Sequence[Request], answers: Sequence[Answer | Exception]
) -> float:
    began = time.perf_counter()
    ledger.batch(requests, answers, 0.001)
    return time.perf_counter() - began


def test_codes_are_words_and_not_messages() -> None:
    assert BillingError("anything").code.isidentifier()
