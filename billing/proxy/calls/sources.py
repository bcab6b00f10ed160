"""What a call's admission needs: LiteLLM's router and MCP servers, and the current price rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from billing.ledger.schemas import Payer
from billing.prices.book import CallPrices
from billing.prices.rule import PriceRule
from billing.proxy.max_cost.mcp import McpServers


class RouterSource(Protocol):
    """Returns LiteLLM's current router, which is replaced when models change."""

    def __call__(self) -> object: ...


class Pricing(Protocol):
    """Returns the current rules for a customer and a team without waiting."""

    def prices_for(self, payer: Payer, team_id: str | None) -> PriceRule | CallPrices: ...


@dataclass(frozen=True, slots=True)
class Sources:
    """All of these sources."""

    router: RouterSource
    mcp_servers: McpServers
    prices: Pricing
