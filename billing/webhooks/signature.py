"""Verifies Stripe's signature of a body and its time (https://docs.stripe.com/webhooks#verify-manually)."""

from __future__ import annotations

import re
from collections.abc import Sequence

import stripe

from billing.errors import InvalidSignature, NotConfigured

AGE_S_MAX = 300
AHEAD_S_MAX = 60  # the SDK accepts any future time, so a captured event could be replayed until then
_TIMESTAMP = re.compile(r"(?:^|,)t=([0-9]{1,12})(?:,|$)", re.ASCII)


def verify_signature(body: bytes, header: str | None, secrets: Sequence[str], now: float) -> None:
    """Verifies the raw body against each secret in turn (several during a rotation).

    `header` is Stripe-Signature; `now` is in Unix seconds. Raises InvalidSignature, and NotConfigured if
    there is no secret: with an empty one anybody could sign.
    """
    if not secrets or not all(secret.strip() for secret in secrets):
        raise NotConfigured("The webhook is not configured: the operator must set STRIPE_WEBHOOK_SECRET.")
    if not header or not header.isascii():
        raise InvalidSignature("The Stripe-Signature header is missing or not ASCII.")
    _check_time(header, now)
    if not any(_is_signed(body, header, secret) for secret in secrets):
        raise InvalidSignature("The signature does not match the body and this endpoint's secret.")


def _check_time(header: str, now: float) -> None:
    times = _TIMESTAMP.findall(header)
    if len(times) != 1:
        raise InvalidSignature("The Stripe-Signature header has no single timestamp.")
    age_s = now - int(times[0])
    if age_s > AGE_S_MAX:
        raise InvalidSignature("The signature is too old.")
    if age_s < -AHEAD_S_MAX:
        raise InvalidSignature("The signature is from the future: check the clocks.")


def _is_signed(body: bytes, header: str, secret: str) -> bool:
    try:
        # No tolerance: the time was checked on both sides above.
        return bool(stripe.WebhookSignature.verify_header(body, header, secret, tolerance=None))
    except (stripe.SignatureVerificationError, UnicodeDecodeError):
        return False
