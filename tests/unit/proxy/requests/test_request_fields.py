"""Which fields of which route are checked."""

from __future__ import annotations

import pytest

from billing.errors import BadRequest
from billing.proxy.requests.free_types import BY_PATH
from billing.proxy.requests.request_fields import check_fields, needs_body, shapes_of
from billing.proxy.routes import ROUTES, Handling, route_of

CHECKED = [route for route in ROUTES.values() if route.checked]
HELLO = [{"role": "user", "content": "hello"}]


def test_every_free_route_that_is_to_be_checked_has_types() -> None:
    assert len(CHECKED) > 20
    assert [route for route in CHECKED if not shapes_of(route)] == []
    assert set(BY_PATH) <= {route.path for route in CHECKED}


def test_only_what_a_url_names_alone_needs_no_body() -> None:
    billed = [route for route in ROUTES.values() if route.handling is Handling.BILLED]
    assert all(map(needs_body, billed))
    bodiless = {route.path for route in CHECKED if not needs_body(route)}
    assert bodiless == {route.path for route in CHECKED if "{response_id}" in route.path}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/moderations", {"model": ["x"], "input": "hi"}),
        ("/v1/moderations", {"model": "m", "input": "hi", "web_search_options": 5}),
        ("/v1/moderations", {"model": "m", "input": "hi", "api_base": "http://evil.example"}),
        ("/v1/messages/count_tokens", {"model": "m", "messages": "hi"}),
        ("/utils/token_counter", {"model": "m", "contents": [{"parts": []}]}),
        ("/v1/responses/{response_id}/cancel", {"background": True}),
        ("/v2/login", {"username": "a\x00b", "password": "x"}),
    ],
)
def test_what_litellm_fails_on_is_refused(path: str, body: dict[str, object]) -> None:
    route = route_of("POST", path)
    assert route is not None
    with pytest.raises(BadRequest):
        check_fields(route, body, is_form=False)  # type: ignore[arg-type]  # each is JSON


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/moderations", {"input": ["a", {"type": "text", "text": "b"}]}),
        ("/v1/messages/count_tokens", {"model": "m", "messages": HELLO, "anthropic_version": "x"}),
        ("/utils/token_counter", {"model": "m", "prompt": "hi"}),
        ("/v1/responses/{response_id}/cancel", {"metadata": {"a": "b"}}),
    ],
)
def test_what_clients_send_passes(path: str, body: dict[str, object]) -> None:
    route = route_of("POST", path)
    assert route is not None
    check_fields(route, body, is_form=False)  # type: ignore[arg-type]  # each is JSON
