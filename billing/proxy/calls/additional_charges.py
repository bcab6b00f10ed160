"""Handles several provider calls in one request: which event is the call's own, and what the others cost.

LiteLLM copies a request's context into everything it starts for it, so events of those also reach our call: a
silent experiment, the embedding of a semantic cache, a guardrail that asks a model, another round with a
tool's answer. The rule (docs/explanation/endings.md, "Several events"):

- Its own event ends the hold: the one with LiteLLM's id of the call, if that is known at admission.
- One of a deployment that the call was admitted for is charged in addition, after the call's own ending.
- Any other is background work of the operator, and costs the customer nothing.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Protocol

from billing.ledger.schemas import Settlement
from billing.prices.settlement import reduced_settlement
from billing.proxy.admitted.call import Admission
from billing.proxy.calls.call import Call
from billing.proxy.calls.success_event import SuccessEvent


class Part(Enum):
    """What an event is to the call in whose context it arrived."""

    OWN = auto()
    ADDITIONAL = auto()
    BACKGROUND = auto()


def part_of(call: Call, admission: Admission, event: SuccessEvent) -> Part:
    """Classifies the event. Uses no metadata that a client can write."""
    if call.upstream.main_id is None or event.id == call.upstream.main_id:  # unknown id: the first event
        is_own = is_admitted = True
    else:  # Gemini's API on another provider: a chat call outside the router, unnamed (max_cost/bridges.py)
        is_bridge = call.upstream.may_be_bridged and event.is_chat
        is_nameless = not event.group and not event.deployment_id
        is_admitted = (
            is_bridge if is_nameless else admission.was_admitted_for(event.group, event.deployment_id)
        )
        is_own = is_bridge and is_admitted
    if is_own and not call.charges.success_received:
        return Part.OWN
    return Part.ADDITIONAL if is_admitted else Part.BACKGROUND


class ChargesMore(Protocol):
    """Accepts an additional charge of a call (`OpenCalls`)."""

    def charge_more(
        self, call: Call, admission: Admission, settlement: Settlement, event_id: str
    ) -> None: ...


class AdditionalCharges:
    """Charges a call's additional events once its own ending is chosen."""

    def __init__(self, open_calls: ChargesMore) -> None:
        self._open_calls = open_calls

    def knows(self, call: Call, event_id: str) -> bool:
        """Whether this event has already arrived."""
        return event_id in call.charges.event_nanos or event_id in call.charges.waiting

    def note_own(self, call: Call, event_id: str, settlement: Settlement) -> None:
        """Records the settlement of the call's own event."""
        call.charges.event_nanos[event_id] = _known_nanos(settlement)

    def keep(self, call: Call, event_id: str, settlement: Settlement) -> None:
        """Keeps an additional event until the call's own ending."""
        call.charges.waiting[event_id] = settlement

    def charge_kept(self, call: Call, admission: Admission) -> None:
        """Charges the kept events. Together they cost at most what is due for all events of the call."""
        while call.charges.waiting:
            event_id = next(iter(call.charges.waiting))
            settlement = call.charges.waiting.pop(event_id)
            due_before_nanos = _due_nanos(call, admission)
            call.charges.event_nanos[event_id] = _known_nanos(settlement)
            more_nanos = _due_nanos(call, admission) - due_before_nanos
            if more_nanos > 0:
                reduced = reduced_settlement(settlement, more_nanos)
                self._open_calls.charge_more(call, admission, reduced, event_id)


def _known_nanos(settlement: Settlement) -> int | None:
    price = settlement.detail["price"]
    if isinstance(price, dict) and price["basis"] == "input":
        return settlement.amount_nanos  # an estimate of the total cost of the call itself
    return None if settlement.estimate else settlement.amount_nanos


def _due_nanos(call: Call, admission: Admission) -> int:
    """Returns what is due for all events of a call. For unpriced ones its count or hold is due once."""
    charges = call.charges.event_nanos.values()
    known_nanos = sum(charge for charge in charges if charge is not None)
    if None not in charges:
        return known_nanos
    return max(known_nanos, call.counted_nanos or admission.hold_nanos)
