"""Does at start-up what FastAPI would do on the event loop at the first requests.

FastAPI 0.165 analyses an included router's routes when a request first reaches it in the table: an unknown
path makes it analyse all 900, which blocks for seconds. The first call of each endpoint reads its source file
for error messages.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import fastapi.routing
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

_NOWHERE = "/no/route/has/this/path"


def warm_routes(app: FastAPI) -> None:
    """Prepares every route. Takes seconds of CPU: run it in a thread, before anything is served."""
    scope = {"type": "http", "method": "GET", "path": _NOWHERE, "root_path": "", "headers": [], "app": app}
    for route in list(app.router.routes):
        route.matches(dict(scope))
    for api_route in api_routes(app.router.routes):
        _name_source(api_route)


def api_routes(routes: Iterable[BaseRoute]) -> Iterator[APIRoute]:
    """Yields the routes of an app and of its included routers, as they were declared."""
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        elif (included := getattr(route, "original_router", None)) is not None:
            yield from api_routes(included.routes)


def _name_source(route: APIRoute) -> None:
    """Sets what FastAPI says about an endpoint in errors, without reading and parsing its file."""
    contexts = getattr(fastapi.routing, "_endpoint_context_cache", None)
    code = getattr(route.endpoint, "__code__", None)
    if isinstance(contexts, dict) and code is not None:
        context = {"file": code.co_filename, "line": code.co_firstlineno, "function": code.co_name}
        contexts.setdefault(id(route.endpoint), context)
