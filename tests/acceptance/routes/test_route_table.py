"""Every route of the app that is served is accounted for: billed, free or refused, by declaration."""

from __future__ import annotations

from collections import Counter
from importlib.metadata import version

import pytest

from billing.proxy.routes import ROUTES, Handling, route_of
from tests.acceptance.routes.other_versions import lacking
from tests.acceptance.routes.served import Served

# They ask for a key in their own code, through LiteLLM's same function (or take what no key can get).
AUTHENTICATE_BY_HAND = (
    "/gemini/{endpoint:path}",
    "/vertex_ai/discovery/{endpoint:path}",
    "/langfuse/{endpoint:path}",
    "/mcp",
    "/toolset/{toolset_name}/mcp",
    "/{mcp_server_name}/mcp",
    "/introspect",
    "/metrics",  # by the middleware of LiteLLM's that stands before it
    "/realtime/calls",
    "/v1/realtime/calls",
    "/openai/v1/realtime/calls",
)


@pytest.fixture(scope="module")
def litellms(served: list[Served]) -> list[Served]:
    """All routes but our own."""
    return [route for route in served if not route.is_ours]


class TestTheRouteTable:
    def test_accounts_for_every_route(self, litellms: list[Served]) -> None:
        routes = {(route.method, route.path) for route in litellms}
        undeclared = sorted(f"{m} {path}" for m, path in routes if route_of(m, path) is None)
        accounted = len(routes) - len(undeclared)
        print(f"{len(routes)} routes of the running app, {accounted} accounted for")  # noqa: T201  # the figure
        assert undeclared == []
        assert len(routes) > 1_000

    def test_names_no_route_that_is_not_there(self, served: list[Served]) -> None:
        routes = {(route.method, route.path) for route in served}
        assert set(ROUTES) - routes == lacking(version("litellm"))

    def test_every_billed_and_refused_route_asks_for_a_key(self, litellms: list[Served]) -> None:
        """The guard sits in LiteLLM's authorization: a route that goes round it is not guarded."""
        keyless = {
            route.path
            for route in litellms
            if not route.authenticated
            and (declared := route_of(route.method, route.path)) is not None
            and declared.handling is not Handling.FREE
        }
        assert {path for path in keyless if not path.startswith(AUTHENTICATE_BY_HAND)} == set()

    def test_handles_each_kind(self) -> None:
        kinds = Counter(route.handling for route in ROUTES.values())
        assert kinds[Handling.BILLED] > 30
        assert kinds[Handling.FREE] > 150
        assert kinds[Handling.REFUSED] > 800
