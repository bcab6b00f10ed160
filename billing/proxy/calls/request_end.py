"""Ends calls without a success event when their response has ended (`endings.py` decides how)."""

from __future__ import annotations

import logging
import time

from billing.errors import InvalidAmount
from billing.ledger.endings import Ending
from billing.ledger.schemas import Settlement
from billing.prices.settlement import estimated_settlement, priced_settlement
from billing.proxy.admitted.call import Admission
from billing.proxy.calls.additional_charges import AdditionalCharges
from billing.proxy.calls.call import Call
from billing.proxy.calls.endings import (
    ChargeCost,
    ChargeEstimate,
    Decision,
    Release,
    Wait,
    ending_at_request_end,
)
from billing.proxy.calls.open_calls import OpenCalls
from billing.settings import Settings

logger = logging.getLogger(__name__)

_WHY = {
    "input": "{ending}, input only",
    "count": "{ending}, by our own count",
    "hold": "answered, but failed LiteLLM's validation: charged at the hold",
}


class RequestEnds:
    """Passes endings that are known at the end of a response to the open calls."""

    def __init__(self, open_calls: OpenCalls, settings: Settings) -> None:
        self._open_calls = open_calls
        self._additional = AdditionalCharges(open_calls)
        self._settings = settings

    def request_ended(self, call: Call) -> None:
        """Resolves a call that no event will resolve, at the end of its response.

        Its ending also charges the events that waited for it. The sweeper does not need this: it finds all
        provider calls in LiteLLM's log.
        """
        call.delivery.ended_at = time.monotonic()
        admission = call.admission
        if admission is None or call.charges.resolving or call not in self._open_calls:
            return
        self._apply(call, admission, ending_at_request_end(call, admission, self._settings))

    def _apply(self, call: Call, admission: Admission, decision: Decision) -> None:
        match decision:
            case Wait():
                return
            case ChargeEstimate(basis="count"):
                self._open_calls.settle_unless_confirmed(
                    call,
                    _estimated(call, admission, decision),
                    on_decided=lambda: self._additional.charge_kept(call, admission),
                )
                return
            case ChargeEstimate():
                self._open_calls.settle(call, _estimated(call, admission, decision))
            case ChargeCost():
                self._open_calls.settle(call, _recovered(call, admission, decision))
            case Release(ending):
                self._open_calls.release(call, ending)
        self._additional.charge_kept(call, admission)


def _estimated(
    call: Call, admission: Admission, charge: ChargeEstimate, why: str | None = None
) -> Settlement:
    return estimated_settlement(
        admission.charged_call(call.id),
        charge.ending,
        basis=charge.basis,
        amount_nanos=charge.amount_nanos,
        rule=admission.rule,
        note=why or _WHY[charge.basis].format(ending=_words(charge.ending)),
        facts={"usage_reported": False} if call.usage_is_guessed else {},
    )


def _recovered(call: Call, admission: Admission, charge: ChargeCost) -> Settlement:
    try:
        return priced_settlement(
            admission.charged_call(call.id),
            charge.ending,
            basis="provider_cost",
            cost=charge.cost,
            rule=admission.rule_of(*call.upstream.recovered_from),
            note=f"{_words(charge.ending)}, usage so far",
            facts={"provider_cost": str(charge.cost)},
        )
    except InvalidAmount as error:
        logger.error("call %s broke with no cost (%s): charged at its hold, for review", call.id, error)
    unpriced = ChargeEstimate(Ending.FINISHED_UNPRICED, admission.hold_nanos, "hold")
    return _estimated(call, admission, unpriced, "broken mid-stream, price unknown, charged at the hold")


def _words(ending: Ending) -> str:
    return ending.replace("_", " ")
