"""Checks of the settings before the gateway serves, beyond each setting's type."""

from __future__ import annotations

from collections.abc import Iterator

from billing.errors import NotConfigured
from billing.prices.config import configured_rules
from billing.settings import Settings


def check_settings(settings: Settings) -> list[str]:
    """Returns warnings for the operator. Raises NotConfigured if serving would lose money."""
    if settings.livemode and not settings.webhook_secrets:
        raise NotConfigured(
            "STRIPE_API_KEY is a live key but STRIPE_WEBHOOK_SECRET is not set: real payments would not be "
            "credited. Set the signing secret of the webhook endpoint."
        )
    if not settings.stripe_use_prepaid_balance or settings.stripe_billing_method not in {None, "prepaid"}:
        raise NotConfigured(
            "Only prepaid billing is supported so far: leave STRIPE_USE_PREPAID_BALANCE and "
            "STRIPE_BILLING_METHOD unset, or set them to true and prepaid."
        )
    configured_rules(settings)
    return list(_warnings(settings))


def _warnings(settings: Settings) -> Iterator[str]:
    if settings.billing_mode == "shadow":
        yield "BILLING_MODE=shadow: nothing is charged and nobody is refused (`proxyllm shadow-report`)."
    if settings.stripe_api_key is None:
        yield "STRIPE_API_KEY is not set: customers cannot top up."
    if not settings.webhook_secrets:
        yield "STRIPE_WEBHOOK_SECRET is not set: /stripe/webhook answers 503 to every event."
    for name in ("stripe_meter_event_name", "stripe_price_id"):
        if getattr(settings, name) is not None:
            yield f"{name.upper()} is set but not used yet."
