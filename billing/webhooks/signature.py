"""Whether Stripe signed a body, and when (https://docs.stripe.com/webhooks#verify-manually)."""

from __future__ import annotations

import re
from collections.abc import Sequence

import stripe

from billing.errors import InvalidSignature, NotConfigured

AGE_S_MAX = 300
AHEAD_S_MAX = 60  # the SDK accepts any future time: a captured event could be replayed until then
_TIMESTAMP = re.compile(r"(?:^|,)t=([0-9]{1,12})(?:,|$)", re.ASCII)


def verify_signature(body: bytes, header: str | None, secrets: Sequence[str], now: float) -> None:
    """Checks the raw body against each secret in turn (several while one is rotated).

    `header` is Stripe-Signature; `now` is in Unix seconds. Raises InvalidSignature, and NotConfigured where
    there is no secret: an empty one would let anybody sign.
    """
    if not secrets or not all(secret.strip() for secret in secrets):
        raise NotConfigured("The webhook is not set up here: the operator must set STRIPE_WEBHOOK_SECRET.")
    if not header or not header.isascii():
        raise InvalidSignature("The Stripe-Signature header is missing or not ASCII.")
    _check_time(header, now)
    if not any(_is_signed(body, header, secret) for secret in secrets):
        raise InvalidSignature("The signature does not fit the body and this endpoint's secret.")


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
