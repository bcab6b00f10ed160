"""What top-ups do again and again."""

from __future__ import annotations

from billing.jobs.background import Repeated
from billing.settings import Settings
from billing.topups.poller import TopupPoller


def jobs(settings: Settings, poller: TopupPoller) -> tuple[Repeated, ...]:
    """Stripe is asked about orders whose event did not come."""
    return (Repeated("polling Stripe", settings.billing_topup_poll_interval_s, poller.sweep_once),)
