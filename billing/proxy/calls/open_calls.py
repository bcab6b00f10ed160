"""The calls of this process that hold credit, from admission to resolution.

It keeps their leases alive, hands their endings to the settlement_queue, and forgets them when the ledger has
answered. A call that nothing is heard of after its response is left alone after the watchdog's time: its
lease runs out, and the sweeper ends it by the rule for "no event".
"""

from __future__ import annotations

import asyncio
import logging
import time

from billing.errors import BillingError, InvalidAmount, Unavailable
from billing.ledger.endings import Ending
from billing.ledger.schemas import Entry, Resolution, Settlement, TransactionKind
from billing.prices.detail import charge_nanos_of, price_detail
from billing.proxy.calls.additional_charges import charge_additional, counted_nanos
from billing.proxy.calls.admitted import Admission
from billing.proxy.calls.call import Call
from billing.proxy.calls.call_ledger import CallLedger
from billing.proxy.calls.endings import (
    ChargeCost,
    ChargeEstimate,
    Cost,
    Decision,
    Release,
    ending_at_request_end,
)
from billing.proxy.calls.settlement_queue import SettlementQueue
from billing.settings import Settings

logger = logging.getLogger(__name__)

_EVENT_WITHIN_S = 1.0
_WHY = {
    "input": "{ending}, input only",
    "count": "{ending}, by our own count",
    "hold": "answered, but failed LiteLLM's validation: charged at the hold",
}


class OpenCalls:
    """Registry of admitted, unresolved calls."""

    def __init__(self, ledger: CallLedger, settlement_queue: SettlementQueue, settings: Settings) -> None:
        self._ledger = ledger
        self._settlement_queue = settlement_queue
        self._settings = settings
        self._calls: dict[str, Call] = {}

    def __len__(self) -> int:
        return len(self._calls)

    def add(self, call: Call) -> None:
        """From here on the call's lease is renewed."""
        self._calls[call.id] = call

    def remove(self, call: Call) -> None:
        """The ledger has its ending; or nobody will bring one, and the sweeper shall."""
        self._calls.pop(call.id, None)

    def settle(self, call: Call, settlement: Settlement) -> None:
        """A cost is known: charge it, whatever was decided before."""
        self._ends(call)
        self._settlement_queue.submit(
            call.id, lambda: self._ledger.settle(settlement), lambda: self.remove(call)
        )

    def _ends(self, call: Call) -> None:
        """Its ending is chosen, so what waited for it is charged beside. The sweeper needs no such thing: it
        finds all in LiteLLM's log.
        """
        call.resolving = True
        if call.admission is not None:
            charge_additional(self, call, call.admission)

    def charge_more(self, call: Call, admission: Admission, settlement: Settlement, event_id: str) -> None:
        """Another priced event of the same call, under a provider call of its own: one more charge."""
        entry = Entry(
            payer=admission.payer,
            kind=TransactionKind.CHARGE,
            amount_nanos=-settlement.amount_nanos,
            source_key=f"charge:{call.id}:{event_id}",
            description=settlement.description,
            hold_key=call.id,
            estimate=settlement.estimate,
            detail=settlement.detail,
        )

        async def post() -> None:
            await self._ledger.post(entry)

        self._settlement_queue.submit(call.id, post, lambda: None)

    def request_ended(self, call: Call) -> None:
        """The response is over: resolve what no event will resolve."""
        call.ended_at = time.monotonic()
        admission = call.admission
        if admission is None or call.resolving or call.id not in self._calls:
            return
        decision = ending_at_request_end(call, admission, self._settings)
        self._apply(call, admission, decision)

    def _apply(self, call: Call, admission: Admission, decision: Decision) -> None:
        match decision:
            case Release(ending):
                self._ends(call)
                self._settlement_queue.submit(
                    call.id, lambda: self._ledger.release(call.id, ending), lambda: self.remove(call)
                )
            case ChargeEstimate(ending, _, basis):
                why = _WHY[basis].format(ending=_words(ending))
                settle = self._settle_unless_confirmed if basis == "count" else self.settle
                settle(call, _estimate(call, admission, decision, why))
            case ChargeCost(ending, cost):
                self.settle(call, self._recovered(call, admission, ending, cost))

    def _settle_unless_confirmed(self, call: Call, settlement: Settlement) -> None:
        """Gives a success event a moment to come, which LiteLLM does not announce for all streams."""

        async def resolve() -> Resolution | None:
            await asyncio.sleep(_EVENT_WITHIN_S)
            if call.heard:
                return None
            self._ends(call)
            return await self._ledger.settle(settlement)

        def done() -> None:
            if not call.heard:
                self.remove(call)

        self._settlement_queue.submit(call.id, resolve, done)

    def _recovered(self, call: Call, admission: Admission, ending: Ending, cost: Cost) -> Settlement:
        rule = admission.rule_of(*call.recovered_from)
        try:
            amount_nanos = charge_nanos_of(cost, rule)
        except InvalidAmount as error:
            logger.error("call %s broke with no cost (%s): charged at its hold, for review", call.id, error)
            why = "broken mid-stream, price unknown, charged at the hold"
            unpriced = ChargeEstimate(Ending.FINISHED_UNPRICED, admission.hold_nanos, "hold")
            return _estimate(call, admission, unpriced, why)
        return Settlement(
            key=call.id,
            amount_nanos=amount_nanos,
            ending=ending,
            description=f"{_model_of(admission)}: {_words(ending)}, usage so far",
            payer=admission.payer,
            detail={
                **admission.detail,
                "ending": str(ending),
                "provider_cost": str(cost),
                "rule": rule.detail(),
                "price": price_detail("provider_cost", cost, rule, amount_nanos),
            },
        )

    def running(self) -> list[str]:
        """Ids of the calls whose lease is to be renewed: not those that the watchdog gives up."""
        deadline = self._given_up_before()
        return [call.id for call in self._calls.values() if not _given_up(call, deadline)]

    def _given_up_before(self) -> float:
        return time.monotonic() - self._settings.billing_watchdog_s

    async def renew_leases(self) -> None:
        """Renews the leases of all running calls in one statement. A failure is tried again next time."""
        keys = self.running()
        try:
            await self._ledger.renew(keys, self._settings.billing_hold_ttl_s)
        except Unavailable as error:
            logger.warning("the leases of %d calls were not renewed: %s", len(keys), error)
        deadline = self._given_up_before()
        for call in [call for call in self._calls.values() if _given_up(call, deadline)]:
            await self._give_up(call)

    async def _give_up(self, call: Call) -> None:
        """Leaves a call to the sweeper, which charges at least what its stream had shown."""
        logger.warning("call %s ended without any event; its lease runs out and the rule applies", call.id)
        self.remove(call)
        shown_nanos = counted_nanos(call)
        if (
            shown_nanos is None
            or call.admission is None
            or self._settings.billing_charge_no_event == "nothing"
        ):
            return
        try:
            await self._ledger.resize(call.id, call.admission.hold_nanos, no_event_charge_nanos=shown_nanos)
        except BillingError as error:
            logger.warning("call %s may be charged less than it showed: %s", call.id, error)


def _estimate(call: Call, admission: Admission, charge: ChargeEstimate, why: str) -> Settlement:
    return Settlement(
        key=call.id,
        amount_nanos=charge.amount_nanos,
        ending=charge.ending,
        description=f"{_model_of(admission)}: {why}",
        estimate=True,
        payer=admission.payer,
        detail={
            **admission.detail,
            "ending": str(charge.ending),
            "rule": admission.rule.detail(),
            "price": price_detail(charge.basis, None, admission.rule, charge.amount_nanos),
        },
    )


def _given_up(call: Call, deadline: float) -> bool:
    return call.ended_at is not None and call.ended_at < deadline and not call.resolving


def _words(ending: Ending) -> str:
    return ending.replace("_", " ")


def _model_of(admission: Admission) -> str:
    return str(admission.detail.get("model", "call"))
