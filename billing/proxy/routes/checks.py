"""Where a route is looked at: before LiteLLM authorizes a request, and before credit is held for a call."""

from __future__ import annotations

from billing.errors import RouteNotBillable
from billing.proxy.routes.route import Handling, Route
from billing.proxy.routes.table import route_of


def check_route(method: str, template: str, path: str, *, reads_all: bool = False) -> Route:
    """What a billed key may expect of a request to `path`. Raises RouteNotBillable where it may not call it.

    `template` is the path of the route that FastAPI chose; the path itself where there was none (WebSockets,
    applications below a path). `reads_all`: the key is an admin viewer's.
    """
    route = route_of(method, template)
    if route is None:
        raise RouteNotBillable(_refusal(path, "It is on no list of routes that billing knows"))
    if reads_all and route.viewers_read and method in {"GET", "HEAD"}:
        return route
    if route.handling is Handling.REFUSED:
        raise RouteNotBillable(_refusal(path, route.reason))
    return route


def check_call(route: Route | None, path: str, call_type: str) -> Route:
    """The route again, if LiteLLM runs it as a call that it is declared for. Raises RouteNotBillable."""
    if route is None or call_type not in route.call_types:
        raise RouteNotBillable(_refusal(path, f"As {call_type} it has no price"))
    return route


def _refusal(path: str, why: str) -> str:
    return f"{path} cannot be billed, so prepaid keys may not call it. {why}."
