"""One request, several provider calls: which of LiteLLM's events is the call's own, what the others cost.

LiteLLM copies a request's context into whatever it starts for it, so the events of that reach our call, too:
a silent experiment, the embedding of a semantic cache, a guardrail that asks a model, another round with the
answer of a tool. The rule (docs/explanation/endings.md, "Several events"):

- Its own event ends the hold: the one under LiteLLM's id of the call, where that is known at its admission.
- One of a deployment that the call was bound for is charged beside it, once the call's own ending is known.
- Any other is background work of the operator's, and costs the customer nothing.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Protocol

from billing.ledger.endings import Ending
from billing.ledger.schemas import Settlement
from billing.prices.settlement import reduced_settlement
from billing.proxy.admitted.call import Admission
from billing.proxy.calls.call import Call
from billing.proxy.calls.success_event import SuccessEvent


class Part(Enum):
    """What an event is to the call in whose context it came."""

    OWN = auto()
    ADDITIONAL = auto()
    BACKGROUND = auto()


def part_of(call: Call, admission: Admission, event: SuccessEvent) -> Part:
    """What the event is. Nothing is asked of its metadata that a client can write."""
    if call.upstream.main_id is None or event.id == call.upstream.main_id:  # not known: the first
        is_own = is_admitted = True
    else:  # Gemini's API on another provider: a chat call beside the router, unnamed (max_cost/bridges.py)
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
    """Takes one more charge of a call (`OpenCalls`)."""

    def charge_more(
        self, call: Call, admission: Admission, settlement: Settlement, event_id: str
    ) -> None: ...


class AdditionalCharges:
    """Charges a call's further events, once its own ending is chosen."""

    def __init__(self, open_calls: ChargesMore) -> None:
        self._open_calls = open_calls

    def knows(self, call: Call, event_id: str) -> bool:
        """Whether this event has come before."""
        return event_id in call.charges.event_nanos or event_id in call.charges.waiting

    def note_own(self, call: Call, event_id: str, settlement: Settlement) -> None:
        """Remembers what the call's own event comes to."""
        call.charges.event_nanos[event_id] = _known_nanos(settlement)

    def keep(self, call: Call, event_id: str, settlement: Settlement) -> None:
        """Lets a further event wait for the call's own ending."""
        call.charges.waiting[event_id] = settlement

    def charge_kept(self, call: Call, admission: Admission) -> None:
        """Charges what has waited. Together they cost at most what is due for all events of the call."""
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
    if settlement.ending is Ending.CUT_BEFORE_FIRST_CHUNK:
        return settlement.amount_nanos  # an estimate of all that the call itself costs
    return None if settlement.estimate else settlement.amount_nanos


def _due_nanos(call: Call, admission: Admission) -> int:
    """What the events of a call come to. Count and hold bound all of them: due once for the unpriced."""
    charges = call.charges.event_nanos.values()
    known_nanos = sum(charge for charge in charges if charge is not None)
    if None not in charges:
        return known_nanos
    return max(known_nanos, call.counted_nanos or admission.hold_nanos)
