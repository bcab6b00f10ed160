"""LiteLLM's free routes that count tokens on the event loop: they count in a thread instead.

LiteLLM counts for `/utils/token_counter` and the providers' own counting routes in threads already
(`offload_token_count`); `POST /spend/calculate` does not.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Coroutine

from fastapi import FastAPI
from fastapi.routing import APIRoute

from billing.proxy.bound.tokens import in_counting_thread

_PATHS = ("/spend/calculate",)
Endpoint = Callable[..., Awaitable[object]]


def count_off_loop(app: FastAPI) -> list[str]:
    """Moves those endpoints off the event loop; returns the paths of those that the app has."""
    found: list[str] = []
    for route in app.routes:
        if isinstance(route, APIRoute) and route.path in _PATHS and route.dependant.call is not None:
            route.dependant.call = _in_thread(route.dependant.call)
            found.append(route.path)
    return found


def _in_thread(endpoint: Callable[..., Coroutine[object, object, object]]) -> Endpoint:
    @functools.wraps(endpoint)
    async def counted(*args: object, **options: object) -> object:
        return await in_counting_thread(lambda: asyncio.run(endpoint(*args, **options)))

    return counted
