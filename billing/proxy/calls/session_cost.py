"""Computes what LiteLLM would charge for a session if it ended now, with LiteLLM's own functions."""

from __future__ import annotations

import logging
from typing import Protocol, cast

from billing.proxy.calls.call import Call

logger = logging.getLogger(__name__)


class _Logging(Protocol):
    """The part of LiteLLM's `Logging` that we use."""

    def normalize_logging_result(self, result: object) -> object: ...
    def response_cost_calculator(self, result: object) -> float | None: ...


def cost_so_far(call: Call, events: list[dict[str, object]]) -> float | None:
    """Returns the cost of `session.created` and `response.done` events in major units; None if unknown."""
    if call.upstream.logging_obj is None:
        return None
    log = cast(_Logging, call.upstream.logging_obj)
    try:
        cost = log.response_cost_calculator(log.normalize_logging_result(list(events)))
    except Exception as error:  # noqa: BLE001 - LiteLLM raises bare exceptions; our maximum applies then
        logger.warning("LiteLLM cannot price session %s yet: %s", call.id, error)
        return None
    used = any(_tokens(event) for event in events)
    return None if cost is None or (cost == 0 and used) else cost


def _tokens(event: dict[str, object]) -> object:
    response = event.get("response")
    usage = response.get("usage") if isinstance(response, dict) else None
    return usage.get("total_tokens") if isinstance(usage, dict) else None
