"""What a call's admission asks of the rest: LiteLLM's router and MCP servers, the price rules in force."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from billing.ledger.schemas import Payer
from billing.prices.book import CallPrices
from billing.prices.rule import PriceRule
from billing.proxy.max_cost.mcp import McpServers


class RouterSource(Protocol):
    """Gives LiteLLM's current router; it is replaced when models change."""

    def __call__(self) -> object: ...


class Pricing(Protocol):
    """Gives the rules in force for a customer and a team, without waiting for anything."""

    def prices_for(self, payer: Payer, team_id: str | None) -> PriceRule | CallPrices: ...


@dataclass(frozen=True, slots=True)
class Sources:
    """All of them."""

    router: RouterSource
    mcp_servers: McpServers
    prices: Pricing
