"""The table of all routes, built once at import."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from billing.proxy.routes.billed import BILLED
from billing.proxy.routes.free import FREE
from billing.proxy.routes.refused_calls import REFUSED_CALLS
from billing.proxy.routes.refused_newer import REFUSED_NEWER
from billing.proxy.routes.refused_operator import REFUSED_OPERATOR
from billing.proxy.routes.refused_private import REFUSED_PRIVATE
from billing.proxy.routes.route import Handling, Route

_PARTS = (
    (Handling.BILLED, BILLED),
    (Handling.FREE, FREE),
    (Handling.REFUSED, REFUSED_CALLS),
    (Handling.REFUSED, REFUSED_OPERATOR),
    (Handling.REFUSED, REFUSED_NEWER),
    (Handling.REFUSED, REFUSED_PRIVATE),
)


def _table() -> Mapping[tuple[str, str], Route]:
    routes: dict[tuple[str, str], Route] = {}
    for handling, declarations in _PARTS:
        for declared in declarations:
            for route in declared.expanded(handling):
                if (route.method, route.path) in routes:
                    raise ValueError(f"{route.method} {route.path} is declared twice")
                routes[route.method, route.path] = route
    return MappingProxyType(routes)


ROUTES = _table()
NEWER = frozenset(  # missing in the LiteLLM version in requirements/
    (route.method, route.path) for declared in REFUSED_NEWER for route in declared.expanded(Handling.REFUSED)
)


def route_of(method: str, template: str) -> Route | None:
    """Returns the declaration of a route, or None."""
    return ROUTES.get(("GET" if method == "HEAD" else method, template))
