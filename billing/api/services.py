"""The services of one process, put together once at start-up and kept at `app.state.billing`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Query, Security
from fastapi.security import HTTPBearer
from starlette.requests import Request

from billing.api.caller import Authenticate, Caller, CustomerChoice
from billing.api.request_fields import CustomerId
from billing.credits.service import Credits
from billing.database import Pool
from billing.errors import NotConfigured
from billing.jobs.background import Repeated
from billing.ledger.service import Ledger
from billing.prices.config import configured_rules
from billing.prices.jobs import jobs as prices_jobs
from billing.prices.service import Prices
from billing.settings import CustomerType, Settings
from billing.stripe_api import connect_stripe
from billing.topups.events import CheckoutEvents
from billing.topups.fulfilment import Fulfilment
from billing.topups.jobs import jobs as topup_jobs
from billing.topups.poller import TopupPoller
from billing.topups.service import Topups
from billing.webhooks.dispatch import Dispatch
from billing.webhooks.jobs import jobs as webhook_jobs
from billing.webhooks.parked import ParkedEvents
from billing.webhooks.service import Webhooks


@dataclass(frozen=True, slots=True)
class Billing:
    """What the endpoints use."""

    settings: Settings
    ledger: Ledger
    credits: Credits
    prices: Prices
    topups: Topups
    fulfilment: Fulfilment
    webhooks: Webhooks
    parked_events: ParkedEvents
    poller: TopupPoller
    authenticate: Authenticate


@asynccontextmanager
async def open_billing(
    settings: Settings, pool: Pool, ledger: Ledger, authenticate: Authenticate
) -> AsyncIterator[Billing]:
    """Builds the services on an open pool and ledger, and closes the way to Stripe at the end.

    Starts no task: whoever opens it starts what `jobs_of` returns. Raises LedgerUnavailable where the price
    rules cannot be read, and NotConfigured where those of the configuration are wrong.
    """
    prices = Prices(pool, configured_rules(settings), stale_max_s=settings.billing_prices_stale_max_s)
    await prices.refresh()
    async with connect_stripe(settings) as stripe_api:
        fulfilment = Fulfilment(settings, pool, ledger, stripe_api)
        dispatch = Dispatch(settings, [CheckoutEvents(fulfilment)])
        yield Billing(
            settings=settings,
            ledger=ledger,
            credits=Credits(ledger),
            prices=prices,
            topups=Topups(settings, pool, ledger, stripe_api),
            fulfilment=fulfilment,
            webhooks=Webhooks(settings, pool, dispatch),
            parked_events=ParkedEvents(pool, dispatch),
            poller=TopupPoller(settings, pool, fulfilment, stripe_api),
            authenticate=authenticate,
        )


def jobs_of(services: Billing) -> tuple[Repeated, ...]:
    """What the services' features do again and again."""
    return (
        *prices_jobs(services.settings, services.prices),
        *topup_jobs(services.settings, services.poller),
        *webhook_jobs(services.parked_events),
    )


def billing_of(request: Request) -> Billing:
    """The services of this process. Raises NotConfigured before start-up has finished."""
    services = getattr(request.app.state, "billing", None)
    if services is None:
        raise NotConfigured("Billing has not started yet. Try again shortly.")
    return cast(Billing, services)


# Declares the key in OpenAPI; LiteLLM reads it itself, from this header or others.
_key_header = HTTPBearer(auto_error=False, description="A LiteLLM virtual key.", scheme_name="LiteLLM key")


async def _caller(request: Request, _key: Annotated[object, Security(_key_header)]) -> Caller:
    return await billing_of(request).authenticate(request)


def _choice(
    customer_id: Annotated[CustomerId | None, Query(description="For admins only.")] = None,
    customer_type: Annotated[CustomerType | None, Query(description="For admins only.")] = None,
) -> CustomerChoice:
    return CustomerChoice(customer_type, customer_id)


BillingDep = Annotated[Billing, Depends(billing_of)]
CallerDep = Annotated[Caller, Depends(_caller)]
ChoiceDep = Annotated[CustomerChoice, Depends(_choice)]
