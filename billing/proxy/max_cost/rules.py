"""Finds the price rule of a call on each deployment that may serve it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from billing.prices.book import CallPrices
from billing.prices.rule import PriceRule
from billing.proxy.max_cost.call_rules import provider_name
from billing.proxy.max_cost.deployments import Deployment


def rules_of(deployments: Iterable[Deployment], rule: PriceRule | CallPrices) -> dict[Deployment, PriceRule]:
    """Returns the rule of each deployment. `rule` prices the customer's calls."""
    return {d: rule.rule_for(d.groups, provider_name(d.provider)) for d in deployments}


def stored_rules(
    rule: PriceRule | CallPrices, rules: Mapping[Deployment, PriceRule]
) -> dict[tuple[str, str], PriceRule]:
    """Returns the rules by `Deployment.key`, as a call stores them; empty if one rule prices every model."""
    return {} if isinstance(rule, PriceRule) else {d.key: each for d, each in rules.items()}
