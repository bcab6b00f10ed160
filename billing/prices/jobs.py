"""What price rules do again and again."""

from __future__ import annotations

from billing.jobs.background import Repeated
from billing.prices.service import Prices
from billing.settings import Settings


def jobs(settings: Settings, prices: Prices) -> tuple[Repeated, ...]:
    """Rules that another process wrote are read."""
    return (Repeated("reading price rules", settings.billing_prices_refresh_s, prices.refresh),)
