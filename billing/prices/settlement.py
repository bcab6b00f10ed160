"""Builds the settlements of calls: amount, description, and the detail that a charge stores.

Every settlement is built here, whoever learned what the call cost: LiteLLM's success event, the end of the
response, the sweeper, an operator. So all of them store rule and price in one form.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from billing.ledger.endings import Ending
from billing.ledger.schemas import Entry, Hold, Json, Payer, Settlement, TransactionKind
from billing.money import format_nanos
from billing.prices.detail import Basis, charge_nanos_of, price_detail, without_rules
from billing.prices.rule import PriceRule

_NOTHING_MORE: Json = {}


@dataclass(frozen=True, slots=True)
class ChargedCall:
    """The call that a settlement ends."""

    key: str  # our call id
    payer: Payer
    detail: Json  # from its admission or hold, without the rules of other deployments
    model: str  # as named in the description


def model_of(detail: Json) -> str:
    """Returns the model a call requested, from the detail of its admission or hold."""
    return str(detail.get("model") or "call")


def call_of_hold(hold: Hold) -> ChargedCall:
    """Builds the ChargedCall of a hold."""
    return ChargedCall(hold.key, hold.payer, without_rules(hold.detail), model_of(hold.detail))


def priced_settlement(
    call: ChargedCall,
    ending: Ending,
    *,
    basis: Basis,
    cost: object,
    rule: PriceRule,
    note: str | None = None,
    facts: Json = _NOTHING_MORE,
    is_waived: bool = False,
) -> Settlement:
    """Charges the cost of a call by its rule. Raises InvalidAmount if the cost is invalid.

    Args:
        basis: What `cost` is.
        cost: In major units, from LiteLLM or an operator.
        note: Appended to the model in the description.
        facts: More facts about the charge. They replace equal names in the detail.
        is_waived: Nothing is due, not even the rule's fee.
    """
    amount_nanos = 0 if is_waived else charge_nanos_of(cost, rule)
    return _settlement(call, ending, amount_nanos, basis, cost, rule, note, facts, is_estimate=False)


def estimated_settlement(
    call: ChargedCall,
    ending: Ending,
    *,
    basis: Basis,
    amount_nanos: int,
    rule: PriceRule,
    note: str,
    facts: Json = _NOTHING_MORE,
) -> Settlement:
    """Charges an estimate for a call of unknown cost, until the real cost replaces it."""
    return _settlement(call, ending, amount_nanos, basis, None, rule, note, facts, is_estimate=True)


def reduced_settlement(settlement: Settlement, amount_nanos: int) -> Settlement:
    """Reduces a settlement to `amount_nanos`: the rest was already paid by another charge of the call."""
    if amount_nanos == settlement.amount_nanos:
        return settlement
    paid = format_nanos(settlement.amount_nanos - amount_nanos)
    return replace(settlement, amount_nanos=amount_nanos, detail={**settlement.detail, "paid_before": paid})


def additional_charge(settlement: Settlement, payer: Payer, event_id: str) -> Entry:
    """Charges another provider call of the same call in addition to its hold, once per `event_id`."""
    return Entry(
        payer=payer,
        kind=TransactionKind.CHARGE,
        amount_nanos=-settlement.amount_nanos,
        source_key=f"charge:{settlement.key}:{event_id}",
        description=settlement.description,
        hold_key=settlement.key,
        estimate=settlement.estimate,
        detail=settlement.detail,
    )


def _settlement(
    call: ChargedCall,
    ending: Ending,
    amount_nanos: int,
    basis: Basis,
    cost: object,
    rule: PriceRule,
    note: str | None,
    facts: Json,
    *,
    is_estimate: bool,
) -> Settlement:
    return Settlement(
        key=call.key,
        amount_nanos=amount_nanos,
        ending=ending,
        description=call.model if note is None else f"{call.model}: {note}",
        estimate=is_estimate,
        payer=call.payer,
        detail={
            **call.detail,
            "ending": str(ending),
            "rule": rule.detail(),
            "price": price_detail(basis, cost, rule, amount_nanos),
            **facts,
        },
    )
