"""How late the event loop comes back is seen, and the longest is kept."""

from __future__ import annotations

import logging

import pytest
from prometheus_client import REGISTRY

from billing.metrics.event_loop import LOOK_S, EventLoopDelay


def value(name: str) -> float:
    return REGISTRY.get_sample_value(name) or 0.0


async def test_a_delay_is_what_passed_beyond_the_time_between_two_looks(
    caplog: pytest.LogCaptureFixture,
) -> None:
    times = iter([10.0, 10.0 + LOOK_S, 10.03 + 2 * LOOK_S, 12.03 + 3 * LOOK_S, 12.03 + 4 * LOOK_S])
    delay = EventLoopDelay(lambda: next(times))
    names = ("proxyllm_event_loop_delay_seconds_count", "proxyllm_event_loop_delay_seconds_sum")
    count, total = map(value, names)
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            await delay.look()
    assert value(names[0]) - count == 4
    assert value(names[1]) - total == pytest.approx(0.03 + 2.0)
    assert value("proxyllm_event_loop_delay_max_seconds") == pytest.approx(2.0)
    assert "event loop was blocked for 2.0 seconds" in caplog.text
