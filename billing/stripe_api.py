"""Access to Stripe: one async client of the official SDK, with Stripe's errors translated to ours."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import stripe

from billing.errors import InvalidAmount, NotConfigured, StripeUnavailable
from billing.settings import Settings

# Pinned: the shapes that we read are those of this version, whatever the account's default is
# (https://docs.stripe.com/api/versioning).
STRIPE_API_VERSION = "2026-10-28.endive"
TIMEOUT_S = 15.0
RETRIES_MAX = 2

logger = logging.getLogger(__name__)


class StripeApi:
    """Stripe as the services see it. Without a key, every use raises NotConfigured."""

    def __init__(self, client: stripe.StripeClient | None) -> None:
        self._client = client

    def require(self) -> stripe.StripeClient:
        """Returns the client. Raises NotConfigured without a key."""
        if self._client is None:
            raise NotConfigured("Payments are not configured: the operator must set STRIPE_API_KEY.")
        return self._client

    @property
    def v1(self) -> stripe.V1Services:
        """The SDK's services; call them inside `stripe_errors()`. Raises NotConfigured without a key."""
        return self.require().v1


@asynccontextmanager
async def connect_stripe(settings: Settings) -> AsyncIterator[StripeApi]:
    """Opens a Stripe client by the settings and closes it at the end. Connects on first use."""
    if settings.stripe_api_key is None:
        yield StripeApi(None)
        return
    base = settings.stripe_api_base
    # A local Stripe uses plain http: no certificate to check, and loading the authorities takes 0.1 s.
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
    """Returns the base URL for meter events: a separate host at real Stripe, the same one locally.

    A safeguard: nothing sends them yet, but the SDK's own default would send events for a local Stripe,
    including the key, to the real one.
    """
    if api_base == stripe.DEFAULT_API_BASE:
        return stripe.DEFAULT_METER_EVENTS_API_BASE
    return api_base


@contextmanager
def stripe_errors() -> Iterator[None]:
    """Translates Stripe's errors: a rejected amount is InvalidAmount, anything else StripeUnavailable."""
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
            raise InvalidAmount("Stripe does not accept this amount.", param="amount") from error
        raise StripeUnavailable("The payment service did not answer as expected. Try again later.") from error


def is_missing(error: stripe.InvalidRequestError) -> bool:
    """Whether Stripe reports that it does not know the object (https://docs.stripe.com/error-codes)."""
    return error.code == "resource_missing" or error.http_status == 404
