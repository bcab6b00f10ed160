"""Slices of time: whole, without gaps or overlaps, and the same moment always in the same one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from billing.reconcile.schemas import Difference, Findings, Source, Window, floor

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
moments = st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - strategy adds it
lengths = st.sampled_from([HOUR, DAY, timedelta(minutes=10)])


class TestSlices:
    @given(moments, st.timedeltas(timedelta(seconds=1), timedelta(days=3)), lengths)
    def test_cover_the_window_once(self, since: datetime, long: timedelta, length: timedelta) -> None:
        window = Window(since, since + long)
        parts = window.slices(length)
        assert parts[0].since == window.since
        assert parts[-1].until == window.until
        assert all(one.until == other.since for one, other in pairwise(parts))
        assert all(timedelta(0) < part.until - part.since <= length for part in parts)

    @given(moments, lengths)
    def test_begin_at_multiples_of_their_length(self, moment: datetime, length: timedelta) -> None:
        start = floor(moment, length)
        assert start <= moment < start + length
        assert floor(start, length) == start

    def test_of_an_empty_window_are_none(self) -> None:
        now = datetime(2026, 11, 21, tzinfo=UTC)
        assert Window(now, now).slices(HOUR) == []


def difference(drift_nanos: int, *, repaired: bool = False) -> Difference:
    return Difference(Source.STRIPE, "amount_differs", "cs_1", "1", "2", drift_nanos, "", repaired=repaired)


class TestFindings:
    def test_errors_of_opposite_signs_do_not_cancel_out(self) -> None:
        found = Findings(Source.STRIPE, [difference(5), difference(-5)])
        assert found.drift_nanos == 10

    def test_what_is_repaired_is_no_longer_wrong(self) -> None:
        found = Findings(Source.STRIPE, [difference(5, repaired=True), difference(-3)])
        assert (len(found.open), found.drift_nanos) == (1, 3)

    def test_parts_add_up_and_notes_are_said_once(self) -> None:
        whole = Findings(Source.STRIPE)
        for failure in (None, "Stripe is away", "too late"):
            part = Findings(Source.STRIPE, [difference(1)], {"top-ups": 2}, ["look"], failure)
            whole.add(part)
        assert (len(whole.differences), whole.counts, whole.notes) == (3, {"top-ups": 6}, ["look"])
        assert whole.failure == "Stripe is away"
