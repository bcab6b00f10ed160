"""The ASGI application."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib import import_module

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from devkit.stripe_sandbox import routes, timers
from devkit.stripe_sandbox.api import render
from devkit.stripe_sandbox.control import Control
from devkit.stripe_sandbox.errors import ApiFailure, UnknownUrl
from devkit.stripe_sandbox.hosted.endpoints import PaymentPage
from devkit.stripe_sandbox.runtime import Sandbox


def build_app(sandbox: Sandbox) -> Starlette:
    """Builds the API, its control panel and the payment page, with background tasks in their lifespan."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        timers.forget(sandbox.store)
        tasks = [
            asyncio.create_task(_deliver(sandbox)),
            asyncio.create_task(timers.tick_forever(sandbox)),
        ]
        for task in tasks:
            task.add_done_callback(_stop_if_broken)
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    return Starlette(
        routes=[*routes.routes(sandbox), *Control(sandbox).routes(), *PaymentPage(sandbox).routes()],
        exception_handlers={404: _unknown, 405: _unknown, 500: _broken},
        lifespan=lifespan,
    )


async def _deliver(sandbox: Sandbox) -> None:
    """Imports httpx in parallel to the first requests, so that neither start nor stop waits for it."""
    loop, imported = asyncio.get_running_loop(), asyncio.Event()

    def load() -> None:
        import_module("devkit.stripe_sandbox.deliverer")
        with suppress(RuntimeError):  # the loop is closed: the sandbox was stopped meanwhile
            loop.call_soon_threadsafe(imported.set)

    threading.Thread(target=load, daemon=True).start()
    await imported.wait()
    from devkit.stripe_sandbox.deliverer import deliver_forever

    await deliver_forever(sandbox)


def _stop_if_broken(task: asyncio.Task[None]) -> None:
    """Stops the sandbox if a background task ends: it would behave wrongly without it."""
    if not task.cancelled() and task.exception() is not None:
        asyncio.get_running_loop().call_exception_handler(
            {"message": "a background task of the sandbox broke", "exception": task.exception()}
        )
        signal.raise_signal(signal.SIGTERM)


async def _unknown(request: Request, _error: Exception) -> Response:
    fault = UnknownUrl(
        f"Unrecognized request URL ({request.method}: {request.url.path}). The sandbox has no such path; "
        "docs/reference/sandbox.md lists what it has."
    )
    return Response(render(fault.body()), fault.status, media_type="application/json")


async def _broken(_request: Request, _error: Exception) -> Response:
    return Response(render(ApiFailure().body()), 500, media_type="application/json")
