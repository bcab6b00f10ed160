"""Serves the OpenAPI document without blocking the gateway while it is built.

LiteLLM builds it at the first request: ten seconds of CPU over 900 routes, on the event loop. A thread does
not help: pydantic validates the whole document in one step that blocks all other threads, and the build
leaves 200,000 garbage objects, whose collection blocks again. So a forked child, which shares the memory of
all imports, builds it and hands over the bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import os
import signal
import traceback
import warnings
from collections.abc import Callable

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from billing.api.http import error_response
from billing.errors import Unavailable

logger = logging.getLogger(__name__)

Build = Callable[[], object]

_NICENESS = 10  # paying customers come first
_ADVICE = "The OpenAPI document could not be built. See the gateway's log for the reason."


class OpenApiDocument:
    """The document, built once for all requests and kept as bytes."""

    def __init__(self, build: Build) -> None:
        self._build = build
        self._document: bytes | None = None
        self._building: asyncio.Task[bytes] | None = None

    async def endpoint(self, _request: Request) -> Response:
        """`GET /openapi.json`."""
        try:
            return Response(await self.document(), media_type="application/json")
        except Unavailable as error:
            return error_response(error)

    async def document(self) -> bytes:
        """Returns the JSON. Raises Unavailable if it cannot be built."""
        if self._document is None:
            if self._building is None:
                self._building = asyncio.create_task(asyncio.to_thread(built_in_child, self._build))
                self._building.add_done_callback(self._keep)
            return await asyncio.shield(self._building)  # a disconnect does not cancel it for others
        return self._document

    def _keep(self, building: asyncio.Task[bytes]) -> None:
        self._building = None
        if not building.cancelled() and building.exception() is None:
            self._document = building.result()


def built_in_child(build: Build) -> bytes:
    """Runs `build` in a forked child process and returns its result as JSON.

    Blocks; raises Unavailable on failure.
    """
    reading, writing = os.pipe()
    with warnings.catch_warnings():  # about threads that hold locks: the build takes none of theirs
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        _build_and_exit(build, writing)
    os.close(writing)
    with open(reading, "rb") as pipe:
        document = pipe.read()
    _, status = os.waitpid(pid, 0)
    if status != 0:
        logger.error("the OpenAPI document was not built: its process ended with status %s", status)
        raise Unavailable(_ADVICE)
    return document


def _build_and_exit(build: Build, writing: int) -> None:
    """Runs in the child, which must neither continue the gateway nor close its resources."""
    code = 1
    try:
        gc.disable()
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)  # a signal to the gateway's group ends the child, too
        os.dup2(writing, 3)
        os.closerange(4, os.sysconf("SC_OPEN_MAX"))  # or connections that the gateway closes would stay open
        with contextlib.suppress(OSError):
            os.nice(_NICENESS)
        document = json.dumps(build(), ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
        with open(3, "wb") as pipe:
            pipe.write(document)
        code = 0
    except BaseException:  # noqa: BLE001 - no error may continue in a copy of the gateway
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(code)


def serve_openapi(app: FastAPI) -> None:
    """Replaces FastAPI's own endpoint, if the app has one."""
    document = OpenApiDocument(app.openapi)
    routes = app.router.routes
    for index, route in enumerate(routes):
        if isinstance(route, Route) and route.path == app.openapi_url:
            routes[index] = Route(route.path, document.endpoint, name=route.name, include_in_schema=False)
