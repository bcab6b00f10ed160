"""What a web search is held for, on LiteLLM's real router and price map, beside what LiteLLM will charge."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from litellm import Router
from litellm.search.cost_calculator import search_provider_cost_per_query

from billing.errors import BadRequest, ModelNotPriced
from billing.prices.rule import PriceRule
from billing.proxy.max_cost import MaxCost
from billing.proxy.max_cost.search_route import OF_A_SEARCH, max_cost_of_search
from billing.proxy.requests.client_fields import refuse_steering

RULE = PriceRule(multiplier=Decimal(2), fee_nanos=5)
Tool = dict[str, object]
Body = dict[str, object]


def tool(provider: str, name: str = "t", **params: object) -> Tool:
    return {
        "search_tool_name": name,
        "litellm_params": {"search_provider": provider, "api_key": "k", **params},
    }


@pytest.fixture
def max_cost() -> Callable[..., MaxCost]:
    def run(
        *tools: Tool, rule: PriceRule = RULE, router: dict[str, object] | None = None, **body: object
    ) -> MaxCost:
        made: Any = Router(model_list=[], search_tools=list(tools), **(router or {}))
        return max_cost_of_search({"search_tool_name": "t", "query": "q", **body}, made, rule)

    return run


MaxCostFor = Callable[..., MaxCost]


class TestHold:
    @pytest.mark.parametrize("requested", [None, 3, 25, 26, 100])
    @pytest.mark.parametrize("provider", ["perplexity", "tavily", "exa_ai", "firecrawl", "serper"])
    def test_is_what_litellm_charges_by_the_rule(
        self, provider: str, requested: int | None, max_cost: MaxCostFor
    ) -> None:
        options = {"max_results": requested} if requested else {}
        cost, _ = search_provider_cost_per_query(f"{provider}/search", provider, optional_params=options)
        found = max_cost(tool(provider), **options)
        assert cost > 0
        assert found.amount_nanos() == RULE.charge_nanos(Decimal(str(cost)) * 10**9)
        assert found.input_charge_nanos == found.amount_nanos() - RULE.fee_nanos

    def test_takes_the_tools_own_number_of_results_where_the_client_names_none(
        self, max_cost: MaxCostFor
    ) -> None:
        many = max_cost(tool("exa_ai", max_results=50))
        assert many.amount_nanos() > max_cost(tool("exa_ai", max_results=50), max_results=5).amount_nanos()

    def test_is_the_highest_of_all_tools_of_the_name_and_of_its_fallbacks(self, max_cost: MaxCostFor) -> None:
        dear = max_cost(tool("tavily")).amount_nanos()
        assert max_cost(tool("serper"), tool("tavily")).amount_nanos() == dear
        assert max_cost(tool("serper"), tool("tavily", "other")).amount_nanos() < dear
        fallbacks = {"fallbacks": [{"t": ["other"]}]}
        assert max_cost(tool("serper"), tool("tavily", "other"), router=fallbacks).amount_nanos() == dear
        assert max_cost(tool("serper"), tool("tavily", "other"), fallbacks=["other"]).amount_nanos() == dear

    def test_is_nothing_under_a_free_rule(self, max_cost: MaxCostFor) -> None:
        assert max_cost(tool("perplexity"), rule=PriceRule(free=True)).free

    def test_the_tool_may_be_named_as_the_model(self, max_cost: MaxCostFor) -> None:
        assert max_cost_of_model(max_cost, "t").model == "t"


def max_cost_of_model(max_cost: MaxCostFor, name: str) -> MaxCost:
    router: Any = Router(model_list=[], search_tools=[tool("perplexity", name)])
    return max_cost_of_search({"model": name, "query": "q"}, router, RULE)


class TestRefused:
    @pytest.mark.parametrize(
        "made",
        [
            tool("perplexity", "another"),
            tool("searxng"),  # 0 in LiteLLM's map
            tool("nobody"),
            tool("parallel_ai"),
            tool("tavily", search_depth="advanced"),
            tool("linkup", depth="deep"),
        ],
        ids=str,
    )
    def test_is_a_tool_without_a_price_of_its_own(self, made: Tool, max_cost: MaxCostFor) -> None:
        with pytest.raises(ModelNotPriced):
            max_cost(made)

    @pytest.mark.parametrize(
        "body",
        [
            {"query": ["one", "another"]},
            {"query": ""},
            {"query": None},
            {"search_tool_name": ""},
            {"search_tool_name": 7},
            {"max_results": 0},
            {"max_results": 101},
            {"max_results": "5"},
            {"search_depth": "advanced"},
            {"depth": "deep"},
            {"search_provider": "linkup"},
            {"extra_headers": {"x": "y"}},
            {"contents": {"text": True}},
        ],
        ids=str,
    )
    def test_is_what_could_cost_more_than_one_query(self, body: Body, max_cost: MaxCostFor) -> None:
        with pytest.raises(BadRequest):
            max_cost(tool("perplexity"), **body)

    @pytest.mark.parametrize("field", ["api_base", "litellm_params", "optional_params"])
    def test_is_what_steers_litellm(self, field: str) -> None:
        with pytest.raises(BadRequest):
            refuse_steering({"search_tool_name": "t", "query": "q", field: "x"}, but=OF_A_SEARCH)

    def test_is_a_search_without_a_router(self) -> None:
        with pytest.raises(ModelNotPriced):
            max_cost_of_search({"search_tool_name": "t", "query": "q"}, None, RULE)
