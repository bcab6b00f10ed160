"""The terms of an admitted call, for the streams and sessions that spend from its hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from billing.ledger.schemas import Json, Payer
from billing.prices.rule import PriceRule
from billing.prices.settlement import ChargedCall, model_of
from billing.proxy.max_cost.call_rules import CallRules


@dataclass(slots=True)
class Admission:
    """What the pre-call hook agreed with the ledger for a call."""

    payer: Payer
    rule: PriceRule  # of the requested deployment; estimates use it
    free: bool
    hold_nanos: int  # 0 for a free call, which has no hold
    input_charge_nanos: int
    available_nanos: int
    detail: Json
    rules: CallRules | None = None  # None: `rule` is the only one
    output_tokens_max: int | None = None  # output limit of all its answers together; None: it has none

    def was_admitted_for(self, group: str | None, deployment_id: str | None) -> bool:
        """Whether this deployment may serve the call, as of its admission."""
        return self.rules is None or self.rules.knows(group, deployment_id)

    def rule_of(self, group: str | None, deployment_id: str | None, provider: str | None) -> PriceRule:
        """Returns the rule of the deployment that served, as of the call's admission."""
        return self.rules.rule_of(group, deployment_id, provider) if self.rules else self.rule

    def declared_free(self, group: str | None, deployment_id: str | None) -> bool:
        """Whether the deployment that served is declared free; others in its group may be priced."""
        return self.rules is not None and self.rules.declared_free(group, deployment_id)

    def charged_call(self, call_id: str, group: str | None = None) -> ChargedCall:
        """Returns the call for a settlement, named by the group that served if it was admitted for it."""
        served = self.rules.group_name(group) if self.rules else None
        return ChargedCall(call_id, self.payer, self.detail, served or model_of(self.detail))


class Admitted(Protocol):
    """A call that may have been admitted."""

    id: str
    admission: Admission | None


def admission_of(call: Admitted) -> Admission:
    """Returns the admission of an admitted call: streams and sessions only begin after admission."""
    assert call.admission is not None
    return call.admission
