"""The cost of an MCP tool call: the price in the server's `mcp_server_cost_info`, set by the operator.

LiteLLM charges a call by its tool's entry in `tool_name_to_cost_per_query`, else `default_cost_per_query`,
else nothing (`mcp_server/cost_calculator.py`). A server without a default is refused: a tool with a name that
is not in the table would be free.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Protocol

from billing.errors import BadRequest, ModelNotPriced
from billing.money import ceil_nanos, nanos_from_cost, round_nanos
from billing.prices.book import CallPrices
from billing.prices.rule import PriceRule
from billing.proxy.max_cost import MaxCost
from billing.proxy.max_cost.prices import price_of

CALL_TYPE = "call_mcp_tool"


class Server(Protocol):
    """The part of LiteLLM's `MCPServer` that we use."""

    name: str
    mcp_info: Mapping[str, object] | None


class McpServers(Protocol):
    """Finds MCP servers (`billing/proxy/litellm/mcp_servers.py`)."""

    def find(self, id_or_name: str) -> Server | None: ...
    def is_virtual(self, tool: str) -> bool: ...


def max_cost_of_tool_call(
    body: Mapping[str, object], servers: McpServers, rule: PriceRule | CallPrices
) -> MaxCost:
    """Returns the maximum cost of one call: the highest price of its server.

    Raises BadRequest and ModelNotPriced.
    """
    tool, server_id = body.get("name"), body.get("server_id")
    if not isinstance(tool, str) or not tool:
        raise BadRequest("`name` must name the tool to call.", param="name")
    if servers.is_virtual(tool):
        raise ModelNotPriced(f"{tool} can call tools of unnamed servers, so it cannot be billed.")
    if not isinstance(server_id, str) or not server_id:
        raise BadRequest("`server_id` must name the server whose tool is called.", param="server_id")
    server = servers.find(server_id)
    if server is None:
        raise ModelNotPriced(f"The MCP server {server_id} is unknown here, so its tools cannot be billed.")
    default, highest = _prices(server)
    model = f"MCP: {tool}"  # as LiteLLM names the call
    own = rule.rule_for((model,), None)
    likely = nanos_from_cost(_price_of_tool(server, tool, default)) * own.multiplier
    return MaxCost(
        model=model,
        free=own.free,
        input_nanos=ceil_nanos(nanos_from_cost(highest) * own.multiplier),
        input_charge_nanos=round_nanos(likely),
        output_nanos_per_token=Decimal(0),
        fixed_nanos=own.fee_nanos,
        floor_nanos=own.floor_nanos,
        output_tokens=0,
        output_limit_field=None,
        client_set_limit=False,
        rule=own,
    )


def _cost_info(server: Server) -> Mapping[str, object]:
    info = (server.mcp_info or {}).get("mcp_server_cost_info")
    return info if isinstance(info, Mapping) else {}


def _prices(server: Server) -> tuple[Decimal, Decimal]:
    """Returns the default price of a tool, and the highest of all prices."""
    info = _cost_info(server)
    default = info.get("default_cost_per_query")
    if default is None:
        raise ModelNotPriced(
            f"The tools of the MCP server {server.name} have no price: the operator must set "
            "`mcp_info: {mcp_server_cost_info: {default_cost_per_query: …}}`."
        )
    price = price_of(default, "default_cost_per_query", server.name)
    own = [price_of(cost, f"price of {tool}", server.name) for tool, cost in _own_prices(info).items()]
    if 0 in (price, *own):
        raise ModelNotPriced(f"The MCP server {server.name} has a price of 0, which counts as no price.")
    return price, max((price, *own))


def _own_prices(info: Mapping[str, object]) -> Mapping[str, object]:
    table = info.get("tool_name_to_cost_per_query")
    return table if isinstance(table, Mapping) else {}


def _price_of_tool(server: Server, tool: str, default: Decimal) -> Decimal:
    own = _own_prices(_cost_info(server)).get(tool)
    return default if own is None else price_of(own, f"price of {tool}", server.name)
