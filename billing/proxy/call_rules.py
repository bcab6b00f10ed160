"""Under which of our price rules a call is charged, by the deployment that served it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from billing.prices.book import CallPrices
from billing.prices.rule import PriceRule

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

    def rule_of(self, group: str | None, deployment_id: str | None, provider: str | None) -> PriceRule:
        """The rule of the deployment that served, by which its bound was made where it was known before."""
        known = self.by_deployment.get((group or "", deployment_id or ""))
        return known or self.prices.rule_for((group,) if group else (), provider_name(provider))


def provider_name(provider: str | None) -> str | None:
    """One name for a provider that LiteLLM calls by several, by the kind of call."""
    return _ONE_PROVIDER.get(provider, provider) if provider else None
