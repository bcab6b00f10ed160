"""The `Stripe-Signature` header (https://docs.stripe.com/webhooks/signature)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence


def signature_header(payload: bytes, secrets: Sequence[str], timestamp: int) -> str:
    """Returns `t=…,v1=…`, with one `v1` per secret (several during a rotation)."""
    signed = str(timestamp).encode() + b"." + payload
    digests = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets]
    return ",".join([f"t={timestamp}", *(f"v1={digest}" for digest in digests)])
