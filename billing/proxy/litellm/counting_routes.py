"""Moves LiteLLM's token counting in `POST /spend/calculate` from the event loop to a thread.

LiteLLM already counts in threads for `/utils/token_counter` and the providers' own counting routes
(`offload_token_count`).
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Coroutine

from fastapi import FastAPI

from billing.proxy.litellm.warm_routes import api_routes
from billing.proxy.max_cost.tokens import in_counting_thread

_PATHS = frozenset({"/spend/calculate"})


def count_off_loop(app: FastAPI) -> None:
    """Moves those endpoints off the event loop. Call it before the app serves."""
    for route in api_routes(app.router.routes):
        if route.path in _PATHS:
            route.endpoint = route.dependant.call = _in_thread(route.endpoint)


def _in_thread(
    endpoint: Callable[..., Coroutine[object, object, object]],
) -> Callable[..., Awaitable[object]]:
    @functools.wraps(endpoint)
    async def counted(*args: object, **options: object) -> object:
        return await in_counting_thread(lambda: asyncio.run(endpoint(*args, **options)))

    return counted
