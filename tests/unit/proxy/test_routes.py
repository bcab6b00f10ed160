import pytest

from billing.errors import RouteNotBillable
from billing.proxy.routes import BILLABLE, call_type_of, check_call, check_route


class TestCheckRoute:
    @pytest.mark.parametrize("path", [path.replace("{model}", "demo-chat") for path in BILLABLE])
    def test_admits_each_billable_route(self, path: str) -> None:
        check_route("POST", path)

    @pytest.mark.parametrize(
        "path",
        [
            "/v1/responses",
            "/v1/images/generations",
            "/v1/audio/speech",
            "/v1/realtime/client_secrets",
            "/openai/v1/chat/completions",
            "/anthropic/v1/messages",
            "/v1/threads/t/runs",
            "/health",
            "/health/services",
            "/mcp/tools/call",
            "/v1/batches",
            "/a/route/of/tomorrow",
        ],
    )
    def test_refuses_whatever_is_not_on_the_list(self, path: str) -> None:
        with pytest.raises(RouteNotBillable, match="cannot be billed"):
            check_route("POST", path)

    @pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
    def test_another_method_on_a_billable_path_is_a_pass_through(self, method: str) -> None:
        with pytest.raises(RouteNotBillable):
            check_route(method, "/openai/deployments/demo-chat/chat/completions")

    def test_models_may_be_read(self) -> None:
        check_route("GET", "/v1/models")
        check_route("GET", "/v1/models/openai/gpt-4o")

    def test_a_generate_call_below_models_is_no_read(self) -> None:
        with pytest.raises(RouteNotBillable):
            check_route("POST", "/models/gemini-2.5-pro:generateContent")

    @pytest.mark.parametrize(
        "path", ["/key/info", "/user/info", "/stripe/balance", "/v1/messages/count_tokens"]
    )
    def test_what_spends_nothing_is_free(self, path: str) -> None:
        check_route("GET", path)


class TestCheckCall:
    def test_a_route_runs_only_as_the_call_it_is_priced_as(self) -> None:
        check_call("/v1/chat/completions", "acompletion")
        with pytest.raises(RouteNotBillable):
            check_call("/v1/chat/completions", "aresponses")
        with pytest.raises(RouteNotBillable):
            check_call("/v1/realtime", "_arealtime")

    def test_names_the_call_type_of_a_deployment_path(self) -> None:
        assert call_type_of("/openai/deployments/my/model/embeddings") == "aembedding"
        assert call_type_of("/openai/deployments/my/model/images/generations") is None
