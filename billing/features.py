"""The features for customers and operators: their services, routes and background work.

This is the only place that knows all of them. A new feature is added here and nowhere else.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import APIRouter

from billing.accounts import endpoints as accounts
from billing.api.caller import Authenticate
from billing.api.services import Services
from billing.credits import endpoints as credits_endpoints
from billing.credits.service import Credits
from billing.database import Pool
from billing.jobs.background import Repeated
from billing.ledger.service import Ledger
from billing.pages import endpoints as pages
from billing.prices import endpoints as prices
from billing.prices.config import configured_rules
from billing.prices.jobs import jobs as prices_jobs
from billing.prices.service import Prices
from billing.review import endpoints as review
from billing.settings import Settings
from billing.stripe_api import connect_stripe
from billing.topups import endpoints as topups
from billing.topups.events import CheckoutEvents
from billing.topups.fulfilment import Fulfilment
from billing.topups.jobs import jobs as topup_jobs
from billing.topups.poller import TopupPoller
from billing.topups.service import Topups
from billing.webhooks import endpoints as webhooks
from billing.webhooks.dispatch import Dispatch
from billing.webhooks.jobs import jobs as webhook_jobs
from billing.webhooks.parked import ParkedEvents
from billing.webhooks.service import Webhooks

ROUTERS = (accounts, topups, credits_endpoints, prices, review, webhooks, pages)


@dataclass(frozen=True, slots=True)
class Features:
    """The services of one process, built once at start-up."""

    settings: Settings
    ledger: Ledger
    credits: Credits
    prices: Prices
    topups: Topups
    fulfilment: Fulfilment
    webhooks: Webhooks
    parked_events: ParkedEvents
    poller: TopupPoller

    def services(self, authenticate: Authenticate) -> Services:
        """Returns the services for endpoints, to be stored at `app.state.billing`."""
        services = Services(authenticate)
        services.add(Settings, self.settings)
        services.add(Ledger, self.ledger)
        services.add(Credits, self.credits)
        services.add(Prices, self.prices)
        services.add(Topups, self.topups)
        services.add(Fulfilment, self.fulfilment)
        services.add(Webhooks, self.webhooks)
        return services

    def jobs(self) -> tuple[Repeated, ...]:
        """Returns the periodic jobs of all features."""
        return (
            *prices_jobs(self.settings, self.prices),
            *topup_jobs(self.settings, self.poller),
            *webhook_jobs(self.parked_events),
        )


@asynccontextmanager
async def open_features(settings: Settings, pool: Pool, ledger: Ledger) -> AsyncIterator[Features]:
    """Builds the services on an open pool and ledger, and closes the Stripe client at the end.

    Starts no task: the caller starts their `jobs()`. Raises LedgerUnavailable if the price rules cannot be
    read, and NotConfigured if those of the configuration are invalid.
    """
    prices = Prices(pool, configured_rules(settings), stale_max_s=settings.billing_prices_stale_max_s)
    await prices.refresh()
    async with connect_stripe(settings) as stripe_api:
        fulfilment = Fulfilment(settings, pool, ledger, stripe_api)
        dispatch = Dispatch(settings, [CheckoutEvents(fulfilment)])
        yield Features(
            settings=settings,
            ledger=ledger,
            credits=Credits(ledger),
            prices=prices,
            topups=Topups(settings, pool, ledger, stripe_api),
            fulfilment=fulfilment,
            webhooks=Webhooks(settings, pool, dispatch),
            parked_events=ParkedEvents(pool, dispatch),
            poller=TopupPoller(settings, pool, fulfilment, stripe_api),
        )


def build_router() -> APIRouter:
    """Builds the router of all features. Its endpoints use the services at `app.state.billing`."""
    router = APIRouter()
    for feature in ROUTERS:
        router.include_router(feature.router)
    return router
