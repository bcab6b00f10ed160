"""The periodic job of the top-ups."""

from __future__ import annotations

from billing.jobs.background import Repeated
from billing.settings import Settings
from billing.topups.poller import TopupPoller


def jobs(settings: Settings, poller: TopupPoller) -> tuple[Repeated, ...]:
    """Asks Stripe about orders without an event."""
    return (Repeated("polling Stripe", settings.billing_topup_poll_interval_s, poller.sweep_once),)
