"""The periodic job of the price rules."""

from __future__ import annotations

from billing.jobs.background import Repeated
from billing.prices.service import Prices
from billing.settings import Settings


def jobs(settings: Settings, prices: Prices) -> tuple[Repeated, ...]:
    """Reads rules that another process wrote."""
    return (Repeated("reading price rules", settings.billing_prices_refresh_s, prices.refresh),)
