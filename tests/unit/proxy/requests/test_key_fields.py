"""A customer's own keys carry names and limits; all else that LiteLLM reads from keys is the operator's."""

import pytest
from litellm.proxy._types import GenerateKeyRequest, RegenerateKeyRequest, UpdateKeyRequest

from billing.errors import Forbidden
from billing.proxy.requests.key_fields import CUSTOMERS_TO_SET, KEY_WRITING, check_key_fields
from billing.proxy.routes import ROUTES, Handling, Route, route_of

LITELLMS = (
    GenerateKeyRequest.model_fields.keys()
    | UpdateKeyRequest.model_fields.keys()
    | RegenerateKeyRequest.model_fields.keys()
)


def _route(path: str) -> Route:
    route = route_of("POST", path)
    assert route is not None
    return route


class TestCheckKeyFields:
    @pytest.mark.parametrize("path", sorted(KEY_WRITING))
    @pytest.mark.parametrize("field", sorted(LITELLMS - CUSTOMERS_TO_SET))
    def test_refuses_every_other_field_that_litellm_takes(self, field: str, path: str) -> None:
        for value in ("x", ["x"], {"x": "y"}, {"x": [{"y": 1}]}, 7, 0, True):
            with pytest.raises(Forbidden, match=f"set {field} of a key"):
                check_key_fields(_route(path), {"user_id": "u", field: value})

    @pytest.mark.parametrize("path", sorted(KEY_WRITING))
    def test_admits_names_limits_and_models(self, path: str) -> None:
        check_key_fields(_route(path), dict.fromkeys(CUSTOMERS_TO_SET, "x"))

    def test_admits_what_a_form_sends_empty_for_a_new_key(self) -> None:
        empty = {
            "metadata": {},
            "aliases": {"a": None},
            "object_permission": {"mcp_servers": []},
            "blocked": False,
        }
        check_key_fields(_route("/key/generate"), empty)

    @pytest.mark.parametrize("value", [{}, [], "", False])
    def test_refuses_to_empty_what_an_older_key_has(self, value: object) -> None:
        for path in ("/key/update", "/key/regenerate"):
            with pytest.raises(Forbidden):
                check_key_fields(_route(path), {"key": "sk-x", "guardrails": value})

    def test_knows_every_free_route_that_takes_such_a_body(self) -> None:
        free = {route.path for route in ROUTES.values() if route.handling is Handling.FREE}
        writing = {path for path in free if path.startswith("/key/")} - {
            "/key/info",
            "/key/list",
            "/key/aliases",
        }
        assert writing == KEY_WRITING | {"/key/delete"}

    def test_looks_at_nothing_else(self) -> None:
        check_key_fields(_route("/key/delete"), {"metadata": {"x": "y"}})
