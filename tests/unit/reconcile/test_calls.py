"""What is a difference between a call in the books and a call in LiteLLM's spend log, and what is none."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from billing.reconcile.calls import CallRow, ChargeRow, LogRow, difference_of, unknown_call

costs = st.decimals(0, 1000, places=12, allow_nan=False, allow_infinity=False)


def call(**changes: object) -> CallRow:
    fields = {"status": "settled", "ending": "finished", "charged": 0, "estimate": False} | changes
    return CallRow(key="call_1", customer="user_id:alice", **fields)  # type: ignore[arg-type]  # by name


def charge(cost: str | None, response_id: str | None = None) -> ChargeRow:
    return ChargeRow("call_1", f"charge:call_1:{cost}", cost, response_id)


def log(cost: str, status: str = "success") -> LogRow:
    return LogRow("call_1", "row_1", cost, status)


def rule(found_in: CallRow, charges: list[ChargeRow], logs: list[LogRow], **owners: str) -> str | None:
    found = difference_of(found_in, charges, logs, owners)
    return found.rule if found else None


class TestCost:
    @given(costs)
    def test_that_is_the_same_is_no_difference(self, cost: Decimal) -> None:
        assert rule(call(), [charge(str(cost))] if cost else [], [log(str(cost))]) is None

    @given(costs, st.integers(1_001, 10**12))
    def test_beyond_a_nano_is_one_with_its_drift(self, cost: Decimal, excess_piconanos: int) -> None:
        excess = Decimal(excess_piconanos) * Decimal(10) ** -12
        logged = cost + excess
        found = difference_of(call(), [charge(str(cost))], [log(str(logged))], {})
        assert found is not None
        assert found.drift_nanos <= 0
        assert abs(found.drift_nanos + int(excess * 10**9)) <= 1

    @given(costs.filter(lambda cost: cost > 0), st.integers(2, 5))
    def test_charged_several_times_is_double(self, cost: Decimal, times: int) -> None:
        tiny = cost * (times - 1) <= Decimal(times) * Decimal("1e-9")
        found = rule(call(), [charge(str(cost))] * times, [log(str(cost))])
        assert found == (None if tiny else "double")

    def test_that_is_no_number_agrees_with_nothing(self) -> None:
        for wrong in ("NaN", "Infinity", "nonsense", "", None):
            assert rule(call(), [charge(wrong)], [log("1")]) == "different"
        assert rule(call(), [charge("1")], [log("NaN")]) == "different"
        assert rule(call(), [], [log("NaN")]) == "uncharged"


class TestRowsThatLiteLLMDropped:
    def test_because_another_call_has_their_response_id(self) -> None:
        assert rule(call(), [charge("1", "resp_1")], [], resp_1="call_2") is None

    def test_but_not_because_this_call_has_it_already(self) -> None:
        """Two charges of one response are a double charge."""
        twice = [charge("1", "resp_1"), charge("1", "resp_1")]
        assert rule(call(), twice, [log("1")], resp_1="call_1") == "double"

    def test_and_a_row_that_nobody_has_is_missing(self) -> None:
        assert rule(call(), [charge("1", "resp_1")], []) == "missing"


class TestEstimates:
    def test_wait_for_a_cost(self) -> None:
        estimated = call(estimate=True, charged=5)
        assert rule(estimated, [], []) is None
        assert rule(estimated, [], [log("0")]) is None
        assert rule(estimated, [], [log("1", "failure")]) is None
        assert rule(estimated, [], [log("NaN")]) is None
        assert rule(estimated, [], [log("1")]) == "estimate_not_replaced"


class TestFreeCalls:
    def test_cost_nothing_whatever_the_log_says(self) -> None:
        free = call(ending="finished_free")
        assert rule(free, [], [log("1")]) is None
        assert rule(free, [charge("1")], [log("1")]) == "missing"


class TestReleasedCalls:
    def test_may_have_cost_the_operator_something_as_a_failure(self) -> None:
        released = call(status="released", ending="failed")
        assert rule(released, [], [log("1", "failure")]) is None
        assert rule(released, [], [log("1")]) == "uncharged"


def test_an_unknown_call_is_named_with_its_row_and_user() -> None:
    found = unknown_call("row_1", "call_1", "0.5", "alice")
    assert (found.subject, found.drift_nanos, found.customer) == ("call_1", -500_000_000, "user_id:alice")
