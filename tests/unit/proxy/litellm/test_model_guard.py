"""A price that is given for a model is the price that applies, or the request is refused."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

import litellm
import pytest
from starlette.requests import Request
from starlette.routing import Route

from billing.errors import BadRequest
from billing.proxy.litellm.model_guard import Change, change_of, check
from billing.proxy.max_cost.price_map import Table

PRICES = {"input_cost_per_token": 0.000001, "output_cost_per_token": 0.000004}
OWN = {"model": "openai/own-model", "api_base": "http://127.0.0.1:1/v1"}
LISTED = "openai/gpt-4o-mini"


def _new(params: Table, info: Table) -> Change:
    return Change("name", params, info, {})


@pytest.fixture
def stored() -> Iterator[Table]:
    """A model with prices of its own, as the router has it."""
    yield {
        "model_name": "name",
        "litellm_params": {**OWN, **PRICES},
        "model_info": {"id": "model-guard-1", **PRICES, "billing": "normal"},
    }
    litellm.model_cost.pop("model-guard-1", None)


class TestANewModel:
    @pytest.mark.parametrize(
        "price",
        [
            {"input_cost_per_token": 0.000001},
            {"output_cost_per_token": "0.000004"},
            {"cache_read_input_token_cost": 1e-7},
            {"input_cost_per_token_above_200k_tokens": 2e-6},
            {"output_cost_per_image": 0.04},
            {"input_cost_per_second": 0.0001},
            {"input_cost_per_query": 0.002},
            {"ocr_cost_per_page": 0.001},
            {"tiered_pricing": [{"range": [0, 1000], "input_cost_per_token": 1e-6}]},
        ],
    )
    @pytest.mark.parametrize("model", [OWN, {"model": LISTED}])
    def test_with_a_price_in_model_info_alone_is_refused(self, model: Table, price: Table) -> None:
        with pytest.raises(BadRequest, match=r"would be lost.*`litellm_params`") as refused:
            check(_new(model, {"mode": "chat", **price}))
        assert next(iter(price)) in refused.value.message

    def test_with_a_price_of_zero_in_model_info_is_refused_where_the_map_has_another(self) -> None:
        with pytest.raises(BadRequest, match="input_cost_per_token"):
            check(_new({"model": LISTED}, {"input_cost_per_token": 0}))

    def test_with_prices_in_litellm_params_passes(self, caplog: pytest.LogCaptureFixture) -> None:
        check(_new({**OWN, **PRICES}, {"mode": "chat", "max_output_tokens": 4096}))
        check(_new({**OWN, **PRICES}, {**PRICES, "mode": "chat"}))
        assert not caplog.records

    def test_with_the_prices_of_the_map_passes(self, caplog: pytest.LogCaptureFixture) -> None:
        """As LiteLLM's page sends back what it was shown."""
        listed = litellm.get_model_info(LISTED)
        check(_new({"model": LISTED}, {name: value for name, value in listed.items() if value is not None}))
        assert not caplog.records

    def test_without_any_price_is_warned_of(self, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.WARNING):
            check(_new(OWN, {"mode": "chat"}))
        assert "billed keys cannot call it" in caplog.text

    @pytest.mark.parametrize(
        ("params", "info"), [(OWN, {"billing": "free"}), ({"model": "openai/*"}, {}), ({"model": LISTED}, {})]
    )
    def test_that_is_free_or_in_the_map_is_not(
        self, params: Table, info: Table, caplog: pytest.LogCaptureFixture
    ) -> None:
        check(_new(params, info))
        assert not caplog.records


class TestAChange:
    def test_of_a_price_in_model_info_is_refused(self, stored: Table) -> None:
        dearer = {**PRICES, "input_cost_per_token": 0.000002}
        with pytest.raises(BadRequest, match="input_cost_per_token would be lost"):
            check(Change("name", {**OWN, **PRICES}, dearer, stored))

    def test_that_sends_back_what_was_shown_passes(self, stored: Table) -> None:
        litellm.model_cost["model-guard-1"] = {**PRICES, "cache_read_input_token_cost": 3e-7}
        shown = {**PRICES, "cache_read_input_token_cost": 3e-7, "id": "model-guard-1"}
        params = {**OWN, "input_cost_per_token": 0.000002, "output_cost_per_token": 0.000004}
        check(Change("name", params, shown, stored))

    @pytest.mark.parametrize("field", [{"billing": "free"}, {"off_peak_pricing": {"start": "18:00"}}])
    def test_of_what_the_old_route_ignores_is_refused_there_alone(self, stored: Table, field: Table) -> None:
        with pytest.raises(BadRequest, match="changes nothing of"):
            check(Change("name", {**OWN, **PRICES}, field, stored, ignores_info=True))
        check(Change("name", {**OWN, **PRICES}, field, stored))


class _Router:
    """A router with one model."""

    model_list: Sequence[Table] = ()
    default_deployment: Table | None = None
    max_fallbacks = 0

    def __init__(self, row: Table) -> None:
        self._row = row

    def get_model_list(self, model_name: str | None, team_id: str | None) -> list[Table]:
        return [self._row]

    def get_model_info(self, id: str) -> Table | None:  # noqa: A002  # LiteLLM's name
        return self._row if id == "model-guard-1" else None


def _request(method: str, path: str, template: str = "", **parameters: str) -> Request:
    route = Route(template or path, lambda _: None, methods=[method])
    scope = {"type": "http", "method": method, "path": path, "headers": [], "query_string": b""}
    return Request({**scope, "route": route, "path_params": parameters})


class TestWhichRequests:
    def test_each_that_adds_or_changes_a_model_is_looked_at(self, stored: Table) -> None:
        router = _Router(stored)
        new = change_of(_request("POST", "/model/new"), {"litellm_params": OWN, "model_info": PRICES}, router)
        body = {"litellm_params": {"input_cost_per_token": None}, "model_info": {"id": "model-guard-1"}}
        old = change_of(_request("POST", "/model/update"), body, router)
        path = "/model/{model_id}/update"
        patch = change_of(
            _request("PATCH", "/model/model-guard-1/update", path, model_id="model-guard-1"), body, router
        )

        assert new == Change("None", OWN, PRICES, {})
        assert patch is not None
        assert old is not None
        assert old.ignores_info
        assert not patch.ignores_info
        assert patch.params["input_cost_per_token"] is None
        assert patch.params["output_cost_per_token"] == PRICES["output_cost_per_token"]

    def test_others_are_not(self, stored: Table) -> None:
        router = _Router(stored)
        assert change_of(_request("POST", "/v1/chat/completions"), {"model": "name"}, router) is None
        assert change_of(_request("POST", "/model/new"), [], router) is None
        assert change_of(_request("POST", "/model/update"), {"model_info": {"id": "none"}}, router) is None
