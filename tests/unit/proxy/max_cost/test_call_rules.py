"""The rule of the deployment that served."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from billing.ledger.schemas import Payer
from billing.prices.book import PriceBook
from billing.prices.rule import PriceRule, Scope
from billing.proxy.max_cost.call_rules import CallRules


class TestRulesOfACall:
    def test_the_deployment_that_served_is_charged_by_the_rule_of_its_max_cost(self) -> None:
        dear, cheap = PriceRule(Decimal(9)), PriceRule(Decimal(2))
        rules = CallRules(PriceRule(), {("group", "d1"): dear, ("fallback", "d2"): cheap})
        assert rules.rule_of("group", "d1", "openai") == dear
        assert rules.rule_of("fallback", "d2", None) == cheap

    def test_one_that_nobody_knew_of_is_charged_by_name_under_the_rules_of_the_admission(self) -> None:
        by_provider = PriceRule(Decimal(3), scope=Scope(provider="openai"))
        prices = PriceBook([by_provider]).prices_for(
            Payer("user_id", "u"), None, datetime(2026, 1, 1, tzinfo=UTC)
        )
        rules = CallRules(prices, {})
        assert rules.rule_of("new", "d9", "text-completion-openai") == by_provider
        assert rules.rule_of("new", "d9", "anthropic") == PriceRule()
        assert rules.rule_of(None, None, None) == PriceRule()
