"""What is declared of a path is found before FastAPI has chosen its route."""

import pytest

from billing.proxy.routes import ROUTES, Handling
from billing.proxy.routes.matching import checked_route, is_ours, needs_key, refused_route


def example(path: str) -> str:
    return path.replace(":path", "").replace("{", "x-").replace("}", "")


BILLED = [route for route in ROUTES.values() if route.handling is Handling.BILLED and route.method != "WS"]


@pytest.mark.parametrize("route", BILLED, ids=lambda route: f"{route.method} {route.path}")
def test_every_billed_route_is_found_and_needs_a_key(route: object) -> None:
    assert isinstance(route, type(BILLED[0]))
    found = checked_route(route.method, example(route.path))
    assert found is not None
    assert found.call_types == route.call_types
    assert needs_key(route.method, example(route.path))
    assert refused_route(route.method, example(route.path)) is None


def test_no_free_route_is_taken_for_a_billed_or_refused_one() -> None:
    free = [r for r in ROUTES.values() if r.handling is Handling.FREE and r.method not in ("MOUNT", "WS")]
    for route in free:
        assert (checked_route(route.method, example(route.path)) is not None) == route.checked, route
        assert refused_route(route.method, example(route.path)) is None, route


def test_what_needs_no_key_is_known() -> None:
    for method, path in (
        ("GET", "/health/liveness"), ("POST", "/login"), ("GET", "/"), ("GET", "/nothing/here"),
        ("HEAD", "/health/liveness"), ("POST", "/mcp"), ("OPTIONS", "/v1/chat/completions"),
    ):  # fmt: skip
        assert not needs_key(method, path), (method, path)


def test_refused_routes_need_a_key_and_are_known_before_their_body() -> None:
    for method, path in (("POST", "/v1/files"), ("POST", "/v1/batches"), ("POST", "/config/update")):
        assert needs_key(method, path)
        assert refused_route(method, path) is not None


@pytest.mark.parametrize("path", ["/stripe/topup", "/billing", "/billing/admin"])
def test_our_own_routes_are_left_to_themselves(path: str) -> None:
    assert is_ours(path)


@pytest.mark.parametrize("path", ["/billingx", "/v1/stripe/x", "/x/billing"])
def test_nothing_else_is_ours(path: str) -> None:
    assert not is_ours(path)
