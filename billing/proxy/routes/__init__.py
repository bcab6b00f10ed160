"""Declares each route of LiteLLM's app as billed, free or refused for billed keys.

The key is method and path template as matched by FastAPI, not the path itself. Unlisted routes, such as those
of a newer LiteLLM or the operator's pass-through routes, are refused. `docs/reference/routes.md` is made from
these tables (`make docs`).
"""

from billing.proxy.routes.checks import check_call, check_route
from billing.proxy.routes.route import Handling, Route
from billing.proxy.routes.table import NEWER, ROUTES, route_of

__all__ = ["NEWER", "ROUTES", "Handling", "Route", "check_call", "check_route", "route_of"]
