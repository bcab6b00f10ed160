"""Keeps each customer's answers in LiteLLM's response cache apart from everyone else's.

LiteLLM's key of an answer is a hash of the question, behind a namespace that a client can choose. So one
customer could read what another had asked, and write what another would be answered. For billed keys the
payer stands before it all: an answer is found by who paid for it. `BILLING_CACHE_SHARED` gives that up.
"""

from __future__ import annotations

import functools
import hashlib

from litellm.caching.caching import Cache

from billing.errors import NoPayer
from billing.proxy.calls.call import current_call
from billing.proxy.calls.payer import Key, payer_of
from billing.proxy.litellm.patches import CACHE_NAMESPACE, check_known
from billing.settings import Settings

_DIGITS = 32


def own_namespace(key: Key, settings: Settings) -> str | None:
    """Where the cached answers of a billed key's customer are; None where the operator shares the cache."""
    if settings.billing_cache_shared:
        return None
    try:
        payer = payer_of(key, settings)
        owner = f"{payer.customer_type}:{payer.customer_id}"
    except NoPayer:  # refused further on, or let through by shadow mode
        owner = f"key:{key.token}"
    return f"billing-{hashlib.sha256(owner.encode()).hexdigest()[:_DIGITS]}"


def guard_cache() -> None:
    """Puts the customer before each key of LiteLLM's cache, whichever kind of cache it is.

    Raises RuntimeError where LiteLLM's function is not the one we know.
    """
    namespaced = Cache._add_namespace_to_cache_key
    check_known(CACHE_NAMESPACE, namespaced)

    @functools.wraps(namespaced)
    def owned(self: Cache, hash_hex: str, **kwargs: object) -> str:
        key: str = namespaced(self, hash_hex, **kwargs)
        call = current_call.get()
        owner = call.entry.cache_namespace if call is not None else None
        return key if owner is None else f"{owner}:{key}"

    Cache._add_namespace_to_cache_key = owned
