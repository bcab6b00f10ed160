"""One request, several provider calls: which of LiteLLM's events is the call's own, what the others cost.

LiteLLM copies a request's context into whatever it starts for it, so the events of that reach our call, too:
a silent experiment, the embedding of a semantic cache, a guardrail that asks a model, another round with the
answer of a tool. The rule (docs/explanation/endings.md, "Several events"):

- Its own event ends the hold: the one under LiteLLM's id of the call, where that is known at its admission.
- One of a deployment that the call was bound for is charged beside it, once the call's own ending is known.
- Any other is background work of the operator's, and costs the customer nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import Enum, auto
from typing import Protocol

from billing.ledger.schemas import Settlement
from billing.money import format_nanos
from billing.proxy.calls.admitted import Admission
from billing.proxy.calls.call import Call
from billing.proxy.calls.charge_detail import served_by


class Part(Enum):
    """What an event is to the call in whose context it came."""

    OWN = auto()
    ADDITIONAL = auto()
    BACKGROUND = auto()


class FurtherCharges(Protocol):
    """Takes one more charge of a call (`OpenCalls`)."""

    def charge_more(
        self, call: Call, admission: Admission, settlement: Settlement, event_id: str
    ) -> None: ...


def part_of(call: Call, admission: Admission, event_id: str, kwargs: Mapping[str, object]) -> Part:
    """What the event with these `kwargs` is. Nothing is asked of its metadata that a client can write."""
    if call.main_id is None or event_id == call.main_id:  # not known: the first
        is_own = is_bound = True
    else:  # Gemini's API on another provider: a chat call beside the router, without names (bound/bridges.py)
        group, deployment_id, _ = served_by(kwargs)
        is_bridge = call.may_be_bridged and kwargs.get("call_type") == "acompletion"
        is_nameless = not group and not deployment_id
        is_bound = is_bridge if is_nameless else admission.was_bound_for(group, deployment_id)
        is_own = is_bridge and is_bound
    if is_own and not call.heard:
        return Part.OWN
    return Part.ADDITIONAL if is_bound else Part.BACKGROUND


def trusted(call: Call, event_id: str, kwargs: Mapping[str, object]) -> Mapping[str, object]:
    """The `kwargs` of an event without the client's words.

    A bridge makes its call beside the router, so nobody writes over what the client's `metadata` says of
    group, deployment and price: of that event they are left out.
    """
    if not call.may_be_bridged or event_id == call.main_id:
        return kwargs
    _, deployment_id, _ = served_by(kwargs)
    if deployment_id:
        return kwargs
    kept = dict(kwargs)
    for name, clients in (
        ("standard_logging_object", ("model_group",)),
        ("litellm_params", ("metadata", "litellm_metadata")),
    ):
        value = kwargs.get(name)
        if isinstance(value, Mapping):
            kept[name] = {key: each for key, each in value.items() if key not in clients}
    return kept


def charge_additional(charges: FurtherCharges, call: Call, admission: Admission) -> None:
    """Charges what waits for the call's own ending. Together they cost at most what is due for them all."""
    while call.additional_charges:
        event_id = next(iter(call.additional_charges))
        settlement = call.additional_charges.pop(event_id)
        due_before_nanos = _due(call, admission)
        note(call, event_id, settlement)
        more_nanos = _due(call, admission) - due_before_nanos
        if more_nanos > 0:
            charges.charge_more(call, admission, _reduced(settlement, more_nanos), event_id)


def note(call: Call, event_id: str, settlement: Settlement) -> None:
    """Remembers what an event comes to; one that comes again is known by it."""
    call.success_events[event_id] = None if settlement.estimate else settlement.amount_nanos


def counted_nanos(call: Call) -> int | None:
    """What a stream or session has cost by our own count, where we counted it."""
    counted = call.stream or call.session
    return counted.likely_nanos if counted is not None else None


def _due(call: Call, admission: Admission) -> int:
    """What the events of a call come to. Count and hold bound all of them: due once for the unpriced."""
    charges = call.success_events.values()
    known_nanos = sum(charge for charge in charges if charge is not None)
    if None not in charges:
        return known_nanos
    return max(known_nanos, counted_nanos(call) or admission.hold_nanos)


def _reduced(settlement: Settlement, amount_nanos: int) -> Settlement:
    """A further charge, less what an unpriced event before it has paid already."""
    if amount_nanos == settlement.amount_nanos:
        return settlement
    paid = format_nanos(settlement.amount_nanos - amount_nanos)
    detail = {**settlement.detail, "paid_before": paid}
    return replace(settlement, amount_nanos=amount_nanos, detail=detail)
