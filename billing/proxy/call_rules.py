"""Under which of our price rules a call is charged, by the deployment that served it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from billing.prices.book import CallPrices
from billing.prices.rule import PriceRule

if TYPE_CHECKING:
    from billing.proxy.bound.deployments import Deployment

_ONE_PROVIDER = {
    "text-completion-openai": "openai",
    "azure_text": "azure",
    "vertex_ai_beta": "vertex_ai",
    "text-completion-codestral": "codestral",
}


@dataclass(frozen=True, slots=True)
class CallRules:
    """The rules under which a call was admitted: one for each deployment that may serve it."""

    prices: PriceRule | CallPrices
    by_deployment: Mapping[tuple[str, str], PriceRule]  # (group asked for or fallen back to, deployment id)
    deployments: Sequence[Deployment] = ()  # that may serve the call; none: nobody knows

    def rule_of(self, group: str | None, deployment_id: str | None, provider: str | None) -> PriceRule:
        """The rule of the deployment that served, by which its bound was made where it was known before.

        Where LiteLLM names neither group nor deployment, the dearest of those that may have served.
        """
        if not group and not deployment_id and self.deployments:
            return self._dearest(provider_name(provider))
        known = self.by_deployment.get((group or "", deployment_id or ""))
        return known or self.prices.rule_for((group,) if group else (), provider_name(provider))

    def knows(self, group: str | None, deployment_id: str | None) -> bool:
        """Whether this deployment may serve the call, or one of the group where only that is named."""
        if not self.deployments:
            return True
        if deployment_id:
            return any(d.key[1] == deployment_id for d in self.deployments)
        return any(group in d.groups for d in self.deployments)

    def _dearest(self, provider: str | None) -> PriceRule:
        by_provider = [(provider_name(d.provider), d.groups) for d in self.deployments]
        same = [served for served in by_provider if served[0] == provider] or by_provider
        return max((self.prices.rule_for(groups, name) for name, groups in same), key=_dearness)


def _dearness(rule: PriceRule) -> tuple[bool, Decimal, int, int]:
    return (not rule.free, rule.multiplier, rule.fee_nanos, rule.floor_nanos)


def provider_name(provider: str | None) -> str | None:
    """One name for a provider that LiteLLM calls by several, by the kind of call."""
    return _ONE_PROVIDER.get(provider, provider) if provider else None
