"""Turns LiteLLM's success events into charges."""

from __future__ import annotations

import logging
from dataclasses import replace

from billing.errors import InvalidAmount
from billing.ledger.endings import Ending
from billing.ledger.schemas import Settlement
from billing.prices.detail import Basis, charge_nanos_of
from billing.prices.rule import PriceRule
from billing.prices.settlement import estimated_settlement, priced_settlement
from billing.proxy.admitted.call import Admission
from billing.proxy.admitted.usage_check import Surroundings, is_absurd_charge, why_implausible
from billing.proxy.calls.additional_charges import AdditionalCharges, Part, part_of
from billing.proxy.calls.call import Call
from billing.proxy.calls.endings import cut_by
from billing.proxy.calls.open_calls import OpenCalls
from billing.proxy.calls.success_event import SuccessEvent
from billing.settings import CacheHitCharge, FailedCallCharge

logger = logging.getLogger(__name__)

_CHARGED = {"count": "as counted", "input": "its input", "hold": "at the hold"}
_BROKEN_OFF = "broken_off"  # used next to event ids
_NOTHING = PriceRule(free=True, id="nothing")  # free by declaration or setting, not by a rule


class Successes:
    """Turns success events into settlements."""

    def __init__(
        self,
        open_calls: OpenCalls,
        cache_hits: CacheHitCharge = "nothing",
        cut_before_first: FailedCallCharge = "input",
    ) -> None:
        self._open_calls = open_calls
        self._additional = AdditionalCharges(open_calls)
        self._cache_hits = cache_hits
        self._cut_before_first = cut_before_first
        self.without_call = 0  # background events, caused by no customer: counted, never charged

    def charge(self, call: Call | None, event: SuccessEvent) -> bool:
        """Charges the event once. A repeat of the same provider call is ignored, another one costs more.

        Returns whether it is the customer's: background work of the operator is counted and never charged.
        """
        if call is None or call.admission is None:
            self.without_call += 1
            return False
        admission = call.admission
        if self._additional.knows(call, event.id):
            return True
        part = part_of(call, admission, event)
        if part is Part.BACKGROUND:
            self.without_call += 1
            return False
        if admission.free:
            return True
        rule = admission.rule_of(*event.served)
        if part is Part.OWN:
            call.charges.success_received = True
            if _left_before_anything(call, event) and not rule.free:
                settlement = self._input_only(call, admission, event, rule)
            else:
                settlement = self._settlement(call, admission, event, rule)
            self._additional.note_own(call, event.id, settlement)
            if call.session is not None and settlement.ending is not Ending.FINISHED_FREE:
                self._keep_what_broke_off(call, admission, event, settlement)
            self._open_calls.settle(call, settlement)
        else:
            further = replace(rule, fee_nanos=0, floor_nanos=0)  # each call pays them only once
            self._additional.keep(call, event.id, self._settlement(call, admission, event, further))
        if call.charges.success_received or call.charges.resolving:
            self._additional.charge_kept(call, admission)
        return True

    def _settlement(
        self, call: Call, admission: Admission, event: SuccessEvent, rule: PriceRule
    ) -> Settlement:
        is_declared_free = admission.declared_free(event.group, event.deployment_id)
        basis, cost, rule = self._priced(event, rule, is_declared_free)
        charged = admission.charged_call(call.id, event.group)
        facts = {**event.facts, "model": charged.model}
        is_ours = event.is_streamed and call.stream is not None  # what it shows is counted
        is_guessed = basis == "provider_cost" and is_ours and call.usage_is_guessed
        if is_guessed:
            cost = None
            facts |= {"usage_reported": False, "tokens": None, "provider_cost": None}
        elif basis == "provider_cost":
            if cost == 0 and call.counted_nanos:
                cost = None  # LiteLLM reports no tokens for a stream that we saw pass
            if why := _why_not_believed(call, admission, event, rule, cost):
                logger.warning("call %s: implausible usage: %s", call.id, why)
                cost, facts["implausible_usage"] = None, why
        ending = Ending.FINISHED_FREE if rule.free else _ending_of(call, event)
        try:
            return priced_settlement(charged, ending, basis=basis, cost=cost, rule=rule, facts=facts)
        except InvalidAmount as error:
            logger.warning("call %s has no cost (%s): charged an estimate", call.id, error)
        basis, amount_nanos = _estimate(call, admission, is_guessed=is_guessed)
        return estimated_settlement(
            charged,
            _ending_without_cost(call, basis),
            basis=basis,
            amount_nanos=amount_nanos,
            rule=rule,
            note=f"{'no usage reported' if is_guessed else 'price unknown'}, charged {_CHARGED[basis]}",
            facts=facts,
        )

    def _input_only(
        self, call: Call, admission: Admission, event: SuccessEvent, rule: PriceRule
    ) -> Settlement:
        return estimated_settlement(
            admission.charged_call(call.id, event.group),
            Ending.CUT_BEFORE_FIRST_CHUNK,
            basis="input",
            amount_nanos=admission.input_charge_nanos if self._cut_before_first == "input" else 0,
            rule=rule,
            note="cut before first chunk, input only",
        )

    def _priced(
        self, event: SuccessEvent, rule: PriceRule, is_declared_free: bool
    ) -> tuple[Basis, object, PriceRule]:
        """Returns what to charge for, its cost (None: unknown), and the rule to apply."""
        if is_declared_free:
            return "free_model", 0, _NOTHING
        if rule.free:
            return "free_model", 0, rule
        if not event.is_cached:
            return "provider_cost", event.cost, rule
        if self._cache_hits == "full":
            return "cached_answer", event.saved_cost, rule
        return "cache_hit", 0, rule if self._cache_hits == "rule" else _NOTHING

    def _keep_what_broke_off(
        self, call: Call, admission: Admission, event: SuccessEvent, settlement: Settlement
    ) -> None:
        """Adds an estimated charge for answers of a session that broke off without reported usage."""
        shown_nanos = call.counted_nanos
        if settlement.estimate or not shown_nanos:
            return
        broken_off = estimated_settlement(
            admission.charged_call(call.id, event.group),
            Ending.BROKEN_MID_STREAM,
            basis="count",
            amount_nanos=shown_nanos,
            rule=admission.rule,
            note="an answer broke off, charged as counted",
        )
        self._additional.keep(call, _BROKEN_OFF, broken_off)


def _why_not_believed(
    call: Call, admission: Admission, event: SuccessEvent, rule: PriceRule, cost: object
) -> str | None:
    """Returns why the reported usage cannot be charged; None if it can."""
    if call.session is not None and call.session.implausible_usage is not None:
        return call.session.implausible_usage
    known = Surroundings(
        context_tokens_max=None if call.is_websocket else event.context_tokens_max,
        output_tokens_max=admission.output_tokens_max,
        shown_tokens=call.stream.shown_tokens if call.stream is not None else None,
    )
    if (why := why_implausible(event.usage, known)) is not None:
        return why
    try:
        is_absurd = cost is not None and is_absurd_charge(charge_nanos_of(cost, rule), admission.hold_nanos)
    except InvalidAmount:
        return None  # not an amount at all: the charging code reports it
    return "the cost is many times the most that the call could cost" if is_absurd else None


def _left_before_anything(call: Call, event: SuccessEvent) -> bool:
    """Whether the event is of a stream whose client disconnected before the first chunk.

    LiteLLM 1.108 sends one with an estimated usage: the provider reported none.
    """
    left = call.delivery.client_gone and call.delivery.body_bytes == 0 and not call.is_websocket
    return left and event.is_streamed and call.stream is not None and call.counted_nanos is None


def _ending_of(call: Call, event: SuccessEvent) -> Ending:
    if call.is_websocket:  # leaving is how a session ends
        return cut_by(call) if call.delivery.credit_ended else Ending.FINISHED
    if not (event.is_streamed and (event.is_cut or call.delivery.client_gone or call.delivery.credit_ended)):
        return Ending.FINISHED
    return cut_by(call)


def _estimate(call: Call, admission: Admission, *, is_guessed: bool) -> tuple[Basis, int]:
    """Returns what a call without a cost is charged, and of what that is an estimate."""
    if call.counted_nanos:
        return "count", call.counted_nanos
    if is_guessed:  # and nothing was shown
        return "input", admission.input_charge_nanos
    return "hold", admission.hold_nanos


def _ending_without_cost(call: Call, basis: Basis) -> Ending:
    """A stream that was cut costs what it showed, even if LiteLLM sends an event without a cost."""
    is_cut = call.delivery.client_gone or call.delivery.credit_ended
    if basis != "hold" and is_cut and not call.is_websocket:
        return cut_by(call)
    return Ending.FINISHED_UNPRICED
