"""LiteLLM's price map, to which each router adds the prices of its deployments."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_additions() -> Iterator[None]:
    """Removes the names that were added meanwhile. Other tests of the worker go through all names."""
    litellm = sys.modules.get("litellm")
    if litellm is None:
        yield
        return
    before = set(litellm.model_cost)
    yield
    added = [name for name in litellm.model_cost if name not in before]
    for name in added:
        del litellm.model_cost[name]
    if added:
        litellm.utils._invalidate_model_cost_lowercase_map()
