"""Checks a route before LiteLLM authorizes a request, and again before credit is held for a call."""

from __future__ import annotations

from billing.errors import RouteNotBillable
from billing.proxy.routes.route import Handling, Route
from billing.proxy.routes.table import route_of


def check_route(method: str, template: str, path: str, *, reads_all: bool = False) -> Route:
    """Returns the declared route of `path`. Raises RouteNotBillable if a billed key may not call it.

    `template` is the path of the route that FastAPI chose; the path itself if there was none (WebSockets,
    mounted applications). `reads_all`: the key is an admin viewer's.
    """
    route = route_of(method, template)
    if route is None:
        raise RouteNotBillable(_refusal(path, "Billing does not know this route"))
    if reads_all and route.viewers_read and method in {"GET", "HEAD"}:
        return route
    if route.handling is Handling.REFUSED:
        raise RouteNotBillable(_refusal(path, route.reason))
    return route


def check_call(route: Route | None, path: str, call_type: str) -> Route:
    """Returns the route if it is declared for this call type. Raises RouteNotBillable otherwise."""
    if route is None or call_type not in route.call_types:
        raise RouteNotBillable(_refusal(path, f"It has no price as {call_type}"))
    return route


def _refusal(path: str, why: str) -> str:
    return f"{path} cannot be billed, so prepaid keys may not call it. {why}."
