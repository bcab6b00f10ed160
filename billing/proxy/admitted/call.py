"""What a call was admitted with, as streams and sessions see it that spend from its hold."""

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
    rule: PriceRule  # of the deployment that the call asked for; what estimates are made by
    free: bool
    hold_nanos: int  # 0 for a free call, which has no hold
    input_charge_nanos: int
    available_nanos: int
    detail: Json
    rules: CallRules | None = None  # None: `rule` is the only one
    output_tokens_max: int | None = None  # that all its answers may have by its limit; None: it has none

    def was_admitted_for(self, group: str | None, deployment_id: str | None) -> bool:
        """Whether this is one of the deployments that may serve the call, as it was admitted."""
        return self.rules is None or self.rules.knows(group, deployment_id)

    def rule_of(self, group: str | None, deployment_id: str | None, provider: str | None) -> PriceRule:
        """The rule of the deployment that served: that of the admission, whatever was decided since."""
        return self.rules.rule_of(group, deployment_id, provider) if self.rules else self.rule

    def declared_free(self, group: str | None, deployment_id: str | None) -> bool:
        """Whether the deployment that served is declared free; others of its group may be priced."""
        return self.rules is not None and self.rules.declared_free(group, deployment_id)

    def charged_call(self, call_id: str, group: str | None = None) -> ChargedCall:
        """The call for a settlement, under the name of the group that served where it was admitted for it."""
        served = self.rules.group_name(group) if self.rules else None
        return ChargedCall(call_id, self.payer, self.detail, served or model_of(self.detail))


class Admitted(Protocol):
    """A call that may have been admitted."""

    id: str
    admission: Admission | None


def admission_of(call: Admitted) -> Admission:
    """That of a call which was admitted: streams and sessions begin after admission only."""
    assert call.admission is not None
    return call.admission
