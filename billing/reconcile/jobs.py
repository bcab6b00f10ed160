"""The periodic comparison of the books."""

from __future__ import annotations

from billing.jobs.background import Repeated
from billing.reconcile.schedule import ReconcileSchedule
from billing.settings import Settings

LOOK_S = 60.0  # how often a replica checks whether a comparison is due


def jobs(settings: Settings, schedule: ReconcileSchedule) -> tuple[Repeated, ...]:
    """One replica compares each book when it is due."""
    interval_s = min(LOOK_S, settings.billing_reconcile_interval_s)
    return (Repeated("comparing the books", interval_s, schedule.run_once),)
