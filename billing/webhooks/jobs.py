"""The periodic jobs of the inbox."""

from __future__ import annotations

from billing.jobs.background import Repeated
from billing.webhooks.parked import ParkedEvents

RETRY_S = 10.0
COUNT_S = 15.0


def jobs(parked: ParkedEvents) -> tuple[Repeated, ...]:
    """Retries parked events when they are due, and counts them for `/metrics`."""
    return (
        Repeated("trying parked events again", RETRY_S, parked.retry_due),
        Repeated("counting parked events", COUNT_S, parked.count),
    )
