"""Routes that read a JSON body, of a billed key's."""

from __future__ import annotations

from billing.proxy.routes import Handling, route_of
from tests.acceptance.routes.requests_of import BILLED, path_of, request_for

JSON_ROUTES = sorted({path_of(route) for route in BILLED if request_for(route).files is None})
KEY_MAKING_ROUTES = [
    path
    for path in (
        "/key/generate", "/key/update", "/key/regenerate", "/user/new", "/user/update", "/team/new",
        "/team/update",
    )
    if (route := route_of("POST", path)) is not None and route.handling is Handling.FREE
]  # fmt: skip
