"""What a call's admission asks of the rest: LiteLLM's router, and the price rules in force."""

from __future__ import annotations

from typing import Protocol

from billing.ledger.schemas import Payer
from billing.prices.book import CallPrices
from billing.prices.rule import PriceRule


class RouterSource(Protocol):
    """Gives LiteLLM's current router; it is replaced when models change."""

    def __call__(self) -> object: ...


class Pricing(Protocol):
    """Gives the rules in force for a customer and a team, without waiting for anything."""

    def prices_for(self, payer: Payer, team_id: str | None) -> PriceRule | CallPrices: ...
