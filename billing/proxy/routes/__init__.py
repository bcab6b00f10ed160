"""What a billed key may call: each route of LiteLLM's app is billed, free or refused, and declared so.

The key is method and path template, as FastAPI matched them: what a path looks like decides nothing. A route
that is on no list, like one of a newer LiteLLM or a pass-through route of the operator's, is refused.
`docs/reference/routes.md` is made from these tables (`make docs`).
"""

from billing.proxy.routes.checks import check_call, check_route
from billing.proxy.routes.route import Handling, Route
from billing.proxy.routes.table import NEWER, ROUTES, route_of

__all__ = ["NEWER", "ROUTES", "Handling", "Route", "check_call", "check_route", "route_of"]
