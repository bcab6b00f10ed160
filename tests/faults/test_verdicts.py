"""The judgement of a fault run finds each broken promise: else a clean run means nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from billing.ledger.schemas import Hold, HoldStatus, Payer, UnconfirmedCall
from tests.faults.load import Load, Seen
from tests.faults.verdicts import HoldRow, by_clients, by_keys, by_list, by_provider, gifts

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
HOLD = HoldRow("call", "bob", 900, "settled", "finished", 700, 101, MOMENT, MOMENT, 1)
UNCONFIRMED = replace(HOLD, status="expired", ending="no_event", charged=50)
FAILED = replace(HOLD, ending="failed", charged=0, charges=0)
SEEN = Seen("bob", "chat", 101, 200, "call", 700)


def load(*seen: Seen) -> Load:
    made = Load([], "", 1)
    made.seen.extend(seen)
    return made


class TestByTheProvidersCount:
    @pytest.mark.parametrize(
        ("holds", "times"),
        [([HOLD], 1), ([UNCONFIRMED], 0), ([UNCONFIRMED], 1), ([FAILED], 1), ([FAILED], 0)],
    )
    def test_what_was_served_is_charged_and_what_failed_is_not(
        self, holds: list[HoldRow], times: int
    ) -> None:
        assert list(by_provider(holds, {"bob 101": times})) == []

    @pytest.mark.parametrize(
        ("holds", "times"),
        [
            ([], 1),  # served without a hold
            ([replace(HOLD, charges=0)], 1),  # served for nothing
            ([HOLD], 2),  # served twice for one charge
            ([HOLD, replace(HOLD, key="again")], 1),  # charged twice
            ([HOLD], 0),  # charged for nothing
        ],
    )
    def test_a_free_call_and_a_double_charge_are_found(self, holds: list[HoldRow], times: int) -> None:
        assert len(list(by_provider(holds, {"bob 101": times}))) == 1


class TestByWhatClientsSaw:
    @pytest.mark.parametrize("hold", [HOLD, UNCONFIRMED])
    def test_an_answer_is_charged_what_it_cost_or_listed(self, hold: HoldRow) -> None:
        assert list(by_clients({"call": hold}, load(SEEN))) == []

    @pytest.mark.parametrize(
        "holds", [{}, {"call": replace(HOLD, charged=0)}, {"call": replace(HOLD, charged=699)}]
    )
    def test_an_answer_without_a_hold_or_of_another_cost_is_found(self, holds: dict[str, HoldRow]) -> None:
        assert len(list(by_clients(holds, load(SEEN)))) == 1

    def test_what_was_refused_is_nobodys_business(self) -> None:
        assert list(by_clients({}, load(replace(SEEN, status=402), replace(SEEN, status=None)))) == []


def test_a_good_key_that_is_called_a_bad_one_is_found() -> None:
    refused = replace(SEEN, status=503)
    assert list(by_keys(load(SEEN, refused))) == []
    assert len(list(by_keys(load(SEEN, replace(SEEN, status=401))))) == 1


class TestByTheList:
    def listed(self, charged_nanos: int) -> UnconfirmedCall:
        hold = Hold(
            "call", Payer("user_id", "bob"), 900, 50, HoldStatus.EXPIRED, "no_event", charged_nanos, {},
            MOMENT, MOMENT, 0,
        )  # fmt: skip
        return UnconfirmedCall(1, hold, "gateway", MOMENT)

    def test_a_call_without_an_event_stands_there_with_its_charge(self) -> None:
        review: dict[str, object] = {"calls": [{"call_id": "call"}]}
        assert list(by_list([UNCONFIRMED, HOLD], [self.listed(50)], review)) == []
        assert len(list(by_list([UNCONFIRMED], [self.listed(49)], review))) == 1
        assert len(list(by_list([UNCONFIRMED], [], {"calls": []}))) == 1
        assert len(list(by_list([UNCONFIRMED], [self.listed(50)], {"calls": []}))) == 1


def test_a_gift_that_is_credited_twice_or_never_is_found() -> None:
    given = load()
    given.gifts = Counter(bob=2)
    assert list(gifts(given, {"bob": 2})) == []
    assert len(list(gifts(given, {"bob": 3}))) == 1
    assert len(list(gifts(given, {}))) == 1
