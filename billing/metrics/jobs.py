"""The periodic jobs of the metrics."""

from __future__ import annotations

from billing.jobs.background import Repeated
from billing.metrics.event_loop import LOOK_S, EventLoopDelay
from billing.metrics.sampling import Sampler

SAMPLE_S = 15.0


def jobs(sampler: Sampler) -> tuple[Repeated, ...]:
    """Samples gauges from the database and measures the event loop's delay."""
    return (
        Repeated("sampling", SAMPLE_S, sampler.sample),
        Repeated("watching the event loop", LOOK_S, EventLoopDelay().look),
    )
