"""The route table: deny by default, on what FastAPI matched and not on what a path looks like."""

import pytest

from billing.errors import RouteNotBillable
from billing.proxy.routes import ROUTES, Handling, check_call, check_route, route_of
from billing.proxy.routes.route import Declared, Route

BILLED = [route for route in ROUTES.values() if route.handling is Handling.BILLED]
REFUSED = [route for route in ROUTES.values() if route.handling is Handling.REFUSED]


class TestCheckRoute:
    @pytest.mark.parametrize("route", BILLED, ids=lambda route: route.path)
    def test_admits_each_billed_route(self, route: Route) -> None:
        assert check_route(route.method, route.path, "/some/path") is route

    @pytest.mark.parametrize("route", REFUSED, ids=lambda route: f"{route.method} {route.path}")
    def test_refuses_each_refused_route_with_its_reason(self, route: Route) -> None:
        with pytest.raises(RouteNotBillable) as refusal:
            check_route(route.method, route.path, "/some/path")
        assert refusal.value.message == (
            f"/some/path cannot be billed, so prepaid keys may not call it. {route.reason}."
        )

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("POST", "/a/route/of/tomorrow"),
            ("POST", "/v1/chat/completions/"),
            ("DELETE", "/v1/chat/completions"),
            ("GET", "/v1/realtime"),  # as LiteLLM authorizes a WebSocket
        ],
    )
    def test_refuses_what_is_on_no_list(self, method: str, path: str) -> None:
        with pytest.raises(RouteNotBillable, match="does not know this route"):
            check_route(method, path, path)

    def test_the_route_that_fastapi_chose_decides_and_not_the_look_of_the_path(self) -> None:
        path = "/openai/deployments/gpt/chat/completions"
        assert check_route("POST", "/openai/deployments/{model:path}/chat/completions", path)
        with pytest.raises(RouteNotBillable):
            check_route("POST", "/openai/{endpoint:path}", path)

    def test_an_operators_pass_through_under_a_free_prefix_is_not_free(self) -> None:
        with pytest.raises(RouteNotBillable):
            check_route("POST", "/key/{endpoint:path}", "/key/spend-money")

    def test_models_may_be_read(self) -> None:
        for method in ("GET", "HEAD"):
            assert check_route(method, "/v1/models/{model_id}", "/v1/models/x").handling is Handling.FREE

    @pytest.mark.parametrize("path", ["/user/list", "/spend/logs/ui", "/model/info", "/global/spend"])
    def test_an_admin_viewer_reads_what_shows_every_customer_and_nobody_else_does(self, path: str) -> None:
        assert check_route("GET", path, path, reads_all=True).viewers_read
        with pytest.raises(RouteNotBillable):
            check_route("GET", path, path)

    @pytest.mark.parametrize(
        ("method", "path"),
        [("POST", "/user/new"), ("POST", "/key/block"), ("GET", "/health"), ("POST", "/tag/info")],
    )
    def test_an_admin_viewer_changes_and_spends_nothing(self, method: str, path: str) -> None:
        with pytest.raises(RouteNotBillable):
            check_route(method, path, path, reads_all=True)

    def test_health_which_calls_every_model_is_refused(self) -> None:
        with pytest.raises(RouteNotBillable, match="call models"):
            check_route("GET", "/health", "/health")


class TestCheckCall:
    def test_a_route_runs_only_as_the_call_it_is_priced_as(self) -> None:
        chat = route_of("POST", "/v1/chat/completions")
        assert check_call(chat, "/v1/chat/completions", "acompletion") is chat
        with pytest.raises(RouteNotBillable, match="as aresponses"):
            check_call(chat, "/v1/chat/completions", "aresponses")

    def test_a_free_route_runs_no_call_but_those_that_cost_nothing(self) -> None:
        models = route_of("GET", "/v1/models")
        with pytest.raises(RouteNotBillable):
            check_call(models, "/v1/models", "pass_through_endpoint")
        assert check_call(route_of("POST", "/v1/moderations"), "/v1/moderations", "moderation")

    def test_a_call_whose_route_nobody_checked_is_refused(self) -> None:
        with pytest.raises(RouteNotBillable):
            check_call(None, "/v1/chat/completions", "acompletion")


class TestTheTable:
    def test_every_route_has_a_reason(self) -> None:
        assert all(route.reason for route in ROUTES.values())

    def test_every_billed_route_names_the_call_it_is_priced_as(self) -> None:
        assert all(route.call_types for route in BILLED)

    def test_no_refused_route_may_run_a_call(self) -> None:
        assert not any(route.call_types for route in REFUSED)

    def test_declarations_list_paths_after_their_methods(self) -> None:
        declared = Declared("why", "GET,POST /a /b\n DELETE /c", ("acall",))
        routes = {(route.method, route.path) for route in declared.expanded(Handling.FREE)}
        assert routes == {("GET", "/a"), ("POST", "/a"), ("GET", "/b"), ("POST", "/b"), ("DELETE", "/c")}
