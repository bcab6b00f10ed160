"""LiteLLM's success events as its hook hands them on: translated first."""

from __future__ import annotations

from collections.abc import Mapping

from billing.proxy.calls.call import Call
from billing.proxy.calls.open_calls import OpenCalls
from billing.proxy.calls.success import Successes
from billing.proxy.litellm.success_events import success_event
from billing.settings import CacheHitCharge, FailedCallCharge


class HookedSuccesses:
    """Charges events from the `kwargs` that LiteLLM gives its hooks."""

    def __init__(
        self,
        open_calls: OpenCalls,
        cache_hits: CacheHitCharge = "nothing",
        cut_before_first: FailedCallCharge = "input",
    ) -> None:
        self._successes = Successes(open_calls, cache_hits, cut_before_first)

    def charge(self, call: Call | None, kwargs: Mapping[str, object]) -> bool:
        """Whether it is the customer's event."""
        return self._successes.charge(call, success_event(kwargs, call))

    @property
    def without_call(self) -> int:
        """Events of background work."""
        return self._successes.without_call
