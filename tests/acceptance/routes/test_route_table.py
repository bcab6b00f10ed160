"""Every route of the app that is served is accounted for: billed, free or refused, by declaration."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pytest

from billing.proxy.routes import ROUTES, Handling, route_of
from tests.acceptance.routes.other_versions import FEATURES, lacking

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


@dataclass(frozen=True)
class Served:
    """One route as it is served."""

    method: str
    path: str
    module: str
    authenticated: bool


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> list[Served]:
    """All of LiteLLM's routes in the app with billing mounted; ours are left out."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment |= {
        "STRIPE_API_KEY": "sk_test_walk",
        "STRIPE_WEBHOOK_SECRET": "whsec_walk",
        "DOCS_URL": "/docs",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else its import waits for the network
    }
    walked = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("walk_app.py"))],
        env=environment,
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert walked.returncode == 0, walked.stderr
    answer = json.loads(walked.stdout)
    assert answer["not_loaded"] == []
    assert answer["features"] >= FEATURES
    routes = [Served(**route) for route in answer["routes"]]
    return [route for route in routes if not route.module.startswith("billing.")]


class TestTheRouteTable:
    def test_accounts_for_every_route(self, served: list[Served]) -> None:
        routes = {(route.method, route.path) for route in served}
        undeclared = sorted(f"{m} {path}" for m, path in routes if route_of(m, path) is None)
        accounted = len(routes) - len(undeclared)
        print(f"{len(routes)} routes of the running app, {accounted} accounted for")  # noqa: T201  # the figure
        assert undeclared == []
        assert len(routes) > 1_000

    def test_names_no_route_that_is_not_there(self, served: list[Served]) -> None:
        routes = {(route.method, route.path) for route in served}
        assert set(ROUTES) - routes == lacking(version("litellm"))

    def test_every_billed_and_refused_route_asks_for_a_key(self, served: list[Served]) -> None:
        """The guard sits in LiteLLM's authorization: a route that goes round it is not guarded."""
        keyless = {
            route.path
            for route in served
            if not route.authenticated
            and (declared := route_of(route.method, route.path)) is not None
            and declared.handling is not Handling.FREE
        }
        assert {path for path in keyless if not path.startswith(AUTHENTICATE_BY_HAND)} == set()

    def test_handles_each_kind(self) -> None:
        kinds = Counter(route.handling for route in ROUTES.values())
        assert kinds[Handling.BILLED] > 30
        assert kinds[Handling.FREE] > 200
        assert kinds[Handling.REFUSED] > 500
