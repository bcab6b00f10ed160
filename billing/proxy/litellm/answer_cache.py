"""Separates each customer's answers in LiteLLM's response cache.

LiteLLM's cache key is a hash of the request, in a namespace that a client can choose. So one customer could
read another's requests, or write another's answers. For billed keys the payer becomes part of the cache key:
only who paid for an answer finds it. `BILLING_CACHE_SHARED` turns this off.
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
    """Returns the cache namespace of a billed key's customer; None if the operator shares the cache."""
    if settings.billing_cache_shared:
        return None
    try:
        payer = payer_of(key, settings)
        owner = f"{payer.customer_type}:{payer.customer_id}"
    except NoPayer:  # refused later, or let through by shadow mode
        owner = f"key:{key.token}"
    return f"billing-{hashlib.sha256(owner.encode()).hexdigest()[:_DIGITS]}"


def guard_cache() -> None:
    """Prefixes the keys of LiteLLM's cache with the customer, whichever type of cache it is.

    Raises RuntimeError if LiteLLM's function is not the one we know.
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
