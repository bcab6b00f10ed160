"""Finds the price rule that a call is charged by, from the deployment that served it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from billing.prices.book import CallPrices
from billing.prices.rule import PriceRule

if TYPE_CHECKING:
    from billing.proxy.max_cost.deployments import Deployment

_ONE_PROVIDER = {
    "text-completion-openai": "openai",
    "azure_text": "azure",
    "vertex_ai_beta": "vertex_ai",
    "text-completion-codestral": "codestral",
}


@dataclass(frozen=True, slots=True)
class CallRules:
    """The price rules of a call's admission: one for each deployment that may serve it."""

    prices: PriceRule | CallPrices
    by_deployment: Mapping[tuple[str, str], PriceRule]  # (group requested or fallen back to, deployment id)
    deployments: Sequence[Deployment] = ()  # those that may serve the call; empty: unknown

    def rule_of(self, group: str | None, deployment_id: str | None, provider: str | None) -> PriceRule:
        """Returns the rule of the deployment that served, the one of its maximum cost if it was known then.

        Looks up LiteLLM's names among the admitted deployments. If neither the deployment nor the group is
        among them, returns the highest of the rules of possible servers and of those for the name and the
        provider: a group that the operator's settings chose later may cost more, and none less.
        """
        known = self.by_deployment.get((group or "", deployment_id or ""))
        if known is not None:
            return known
        by_name = self.prices.rule_for((group,) if group else (), provider_name(provider))
        if not self.deployments:
            return by_name
        same = self._served(group, deployment_id)
        if same:
            return self._highest(same, provider)
        highest = self._highest(self.deployments, provider)
        return max(highest, by_name, key=_dearness)

    def knows(self, group: str | None, deployment_id: str | None) -> bool:
        """Whether this deployment may serve the call, or any of the group if only that is named."""
        return not self.deployments or bool(self._served(group, deployment_id))

    def declared_free(self, group: str | None, deployment_id: str | None) -> bool:
        """Whether the deployment that served is declared free by the operator, as of the admission."""
        served = self._served(group, deployment_id)
        return bool(served) and all(d.free for d in served)

    def group_name(self, group: str | None) -> str | None:
        """Returns the group if the call was admitted for it."""
        return group if any(group in d.groups for d in self.deployments) else None

    def _served(self, group: str | None, deployment_id: str | None) -> Sequence[Deployment]:
        """Returns the admitted deployments with this id, else those of the group."""
        if deployment_id:
            found = [d for d in self.deployments if d.key[1] == deployment_id]
            return [d for d in found if group in d.groups] or found
        return [d for d in self.deployments if group in d.groups]

    def _highest(self, deployments: Sequence[Deployment], provider: str | None) -> PriceRule:
        served = [(provider_name(d.provider), d) for d in deployments]
        same = [each for each in served if each[0] == provider_name(provider)] or served
        rules = (self.by_deployment.get(d.key) or self.prices.rule_for(d.groups, name) for name, d in same)
        return max(rules, key=_dearness)


def _dearness(rule: PriceRule) -> tuple[bool, Decimal, int, int]:
    return (not rule.free, rule.multiplier, rule.fee_nanos, rule.floor_nanos)


def provider_name(provider: str | None) -> str | None:
    """Normalizes a provider that LiteLLM calls by different names depending on the call type."""
    return _ONE_PROVIDER.get(provider, provider) if provider else None
