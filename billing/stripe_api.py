"""The way to Stripe: one async client of the official SDK, and Stripe's errors as ours."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import stripe

from billing.errors import InvalidAmount, NotConfigured, StripeUnavailable
from billing.settings import Settings

# Pinned: the shapes that we read are those of this version, whatever the Stripe account's default is
# (https://docs.stripe.com/api/versioning).
STRIPE_API_VERSION = "2026-10-28.endive"
TIMEOUT_S = 15.0
RETRIES_MAX = 2

logger = logging.getLogger(__name__)


class StripeApi:
    """Stripe as the services see it. Without a key every use of it raises NotConfigured."""

    def __init__(self, client: stripe.StripeClient | None) -> None:
        self._client = client

    def require(self) -> stripe.StripeClient:
        """The client. Raises NotConfigured without a key."""
        if self._client is None:
            raise NotConfigured("Payments are not set up here: the operator must set STRIPE_API_KEY.")
        return self._client

    @property
    def v1(self) -> stripe.V1Services:
        """The SDK's services; call them inside `stripe_errors()`. Raises NotConfigured without a key."""
        return self.require().v1


@asynccontextmanager
async def connect_stripe(settings: Settings) -> AsyncIterator[StripeApi]:
    """Stripe by the settings, closed at the end. Opens no connection before it is used."""
    if settings.stripe_api_key is None:
        yield StripeApi(None)
        return
    base = settings.stripe_api_base
    # A local Stripe speaks plain http: no certificate to check, and loading the authorities takes 0.1 s.
    http_client = stripe.HTTPXClient(timeout=TIMEOUT_S, verify_ssl_certs=not base.startswith("http://"))
    client = stripe.StripeClient(
        settings.stripe_api_key.get_secret_value(),
        stripe_version=STRIPE_API_VERSION,
        base_addresses={"api": base, "meter_events": _meter_events_base(base)},
        max_network_retries=RETRIES_MAX,
        http_client=http_client,
    )
    try:
        yield StripeApi(client)
    finally:
        await http_client.close_async()  # type: ignore[no-untyped-call]  # the SDK ships it without types


def _meter_events_base(api_base: str) -> str:
    """Real Stripe takes meter events on a host of its own; a local one takes them where it takes all.

    A guard: nothing sends them yet, but the SDK's own default would send what is meant for a local Stripe,
    key and all, to the real one.
    """
    if api_base == stripe.DEFAULT_API_BASE:
        return stripe.DEFAULT_METER_EVENTS_API_BASE
    return api_base


@contextmanager
def stripe_errors() -> Iterator[None]:
    """Stripe's failures become StripeUnavailable; an amount that Stripe does not take, InvalidAmount."""
    try:
        yield
    except stripe.StripeError as error:
        logger.warning(
            "stripe: %s code=%s request_id=%s (%r)",
            type(error).__name__,
            error.code,
            error.request_id,
            error.__cause__,
        )
        if error.code in ("amount_too_small", "amount_too_large"):
            raise InvalidAmount("Stripe does not take this amount.", param="amount") from error
        raise StripeUnavailable("The payment service did not answer as expected. Try again later.") from error


def is_missing(error: stripe.InvalidRequestError) -> bool:
    """Whether Stripe says that it does not know the object (https://docs.stripe.com/error-codes)."""
    return error.code == "resource_missing" or error.http_status == 404
