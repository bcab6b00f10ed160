"""Generates ids like Stripe's: a prefix for the type, then letters and digits."""

from __future__ import annotations

import secrets
import string

_ALPHABET = string.ascii_letters + string.digits


def new_id(prefix: str, length: int = 24) -> str:
    """Returns a new id: `prefix` (`cus_`, `ch_3`) and `length` letters and digits."""
    return f"{prefix}{''.join(secrets.choice(_ALPHABET) for _ in range(length))}"
