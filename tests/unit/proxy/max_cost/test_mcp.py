"""What a call of an MCP tool is held for, by its server's configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import pytest

from billing.errors import BadRequest, BillingError, ModelNotPriced
from billing.prices.rule import PriceRule
from billing.proxy.max_cost import MaxCost
from billing.proxy.max_cost.mcp import max_cost_of_tool_call

RULE = PriceRule(multiplier=Decimal(2), fee_nanos=5)


@dataclass
class Server:
    """LiteLLM's `MCPServer`, as far as we read it."""

    name: str
    mcp_info: Mapping[str, object] | None


class Servers:
    """One server, under its id and its name."""

    def __init__(self, cost_info: object) -> None:
        self._server = Server("tools", {"mcp_server_cost_info": cost_info})

    def find(self, id_or_name: str) -> Server | None:
        return self._server if id_or_name in ("id", "tools") else None

    def is_virtual(self, tool: str) -> bool:
        return tool == "mcp_tool_call"


def max_cost(cost_info: object, body: Mapping[str, object] | None = None, rule: PriceRule = RULE) -> MaxCost:
    return max_cost_of_tool_call(body or {"server_id": "id", "name": "cheap"}, Servers(cost_info), rule)


class TestHold:
    def test_is_the_highest_price_of_the_server_by_the_rule(self) -> None:
        info = {"default_cost_per_query": 0.01, "tool_name_to_cost_per_query": {"dear": 0.05}}
        assert max_cost(info).amount_nanos() == 2 * 50_000_000 + 5

    def test_charges_the_tools_own_price_without_a_success_event(self) -> None:
        info = {"default_cost_per_query": 0.01, "tool_name_to_cost_per_query": {"cheap": 0.002}}
        assert max_cost(info).input_charge_nanos == 2 * 2_000_000
        assert max_cost({"default_cost_per_query": 0.01}).input_charge_nanos == 2 * 10_000_000

    def test_finds_a_server_by_its_name(self) -> None:
        body = {"server_id": "tools", "name": "cheap"}
        assert max_cost({"default_cost_per_query": 1}, body).model == "MCP: cheap"

    def test_is_nothing_under_a_free_rule(self) -> None:
        assert max_cost({"default_cost_per_query": 1}, rule=PriceRule(free=True)).free


class TestRefused:
    @pytest.mark.parametrize(
        "info",
        [
            None,
            {},
            {"tool_name_to_cost_per_query": {"cheap": 1}},
            {"default_cost_per_query": 0},
            {"default_cost_per_query": 1, "tool_name_to_cost_per_query": {"other": 0}},
            {"default_cost_per_query": -1},
            {"default_cost_per_query": "nan"},
            {"default_cost_per_query": True},
            {"default_cost_per_query": 1, "tool_name_to_cost_per_query": {"other": "much"}},
        ],
    )
    def test_a_server_without_a_price_for_every_tool(self, info: object) -> None:
        with pytest.raises(ModelNotPriced):
            max_cost(info)

    @pytest.mark.parametrize(
        ("body", "error"),
        [
            ({"name": "cheap"}, BadRequest),
            ({"server_id": "id"}, BadRequest),
            ({"server_id": 1, "name": "cheap"}, BadRequest),
            ({"server_id": "id", "name": ["cheap"]}, BadRequest),
            ({"server_id": "another", "name": "cheap"}, ModelNotPriced),
            ({"server_id": "id", "name": "mcp_tool_call"}, ModelNotPriced),
        ],
    )
    def test_a_call_that_names_no_server_or_no_tool(
        self, body: Mapping[str, object], error: type[BillingError]
    ) -> None:
        with pytest.raises(error):
            max_cost({"default_cost_per_query": 1}, body)
