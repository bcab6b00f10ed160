"""What a success event of LiteLLM means in money."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace

from billing.errors import InvalidAmount
from billing.ledger.endings import Ending
from billing.ledger.schemas import Settlement
from billing.prices.detail import Basis, charge_nanos_of, price_detail
from billing.prices.rule import PriceRule
from billing.proxy.calls.additional_charges import (
    Part,
    charge_additional,
    counted_nanos,
    note,
    part_of,
    trusted,
)
from billing.proxy.calls.admitted import Admission
from billing.proxy.calls.call import Call
from billing.proxy.calls.charge_detail import charge_detail, mapping_of, served_by
from billing.proxy.calls.endings import cut_by
from billing.proxy.calls.open_calls import OpenCalls
from billing.proxy.calls.usage_check import Surroundings, is_absurd_charge, why_implausible
from billing.settings import CacheHitCharge

logger = logging.getLogger(__name__)

# LiteLLM's names of calls in its events that use something however little they say of it.
_NEVER_FREE = frozenset(
    (
        "aimage_generation", "aimage_edit", "aspeech", "atranscription", "arerank", "aocr", "asearch",
        "aresponses", "acompact_responses", "agenerate_content", "agenerate_content_stream",
    )
)  # fmt: skip

_BROKEN_OFF = "broken_off"  # beside the ids of events
# Those that use tokens: an answer in one piece without any is one whose usage its provider left out.
_COUNTED_IN_TOKENS = frozenset({"acompletion", "atext_completion", "aembedding", "anthropic_messages"})
_NOTHING = PriceRule(free=True, id="nothing")  # what is free by declaration or by setting, not by a rule


class Successes:
    """Turns success events into settlements."""

    def __init__(self, open_calls: OpenCalls, cache_hits: CacheHitCharge = "nothing") -> None:
        self._open_calls = open_calls
        self._cache_hits = cache_hits
        self.without_call = 0  # events of background work, which no customer caused: counted, never charged

    def charge(self, call: Call | None, kwargs: Mapping[str, object]) -> bool:
        """Charges the event once. The same provider call again is a duplicate, another one costs more.

        Returns whether it is the customer's: background work of the operator's is counted, and never charged.
        """
        if call is None or call.admission is None:
            self.without_call += 1
            return False
        admission = call.admission
        event_id = str(kwargs.get("litellm_call_id"))
        if event_id in call.success_events or event_id in call.additional_charges:
            return True
        kwargs = trusted(call, event_id, kwargs)
        part = part_of(call, admission, event_id, kwargs)
        if part is Part.BACKGROUND:
            self.without_call += 1
            return False
        if admission.free:
            return True
        rule = admission.rule_of(*served_by(kwargs))
        if part is Part.OWN:
            call.heard = True
            settlement = self._settlement(call, admission, kwargs, rule)
            note(call, event_id, settlement)
            if call.session is not None and settlement.ending is not Ending.FINISHED_FREE:
                _keep_what_broke_off(call, admission, settlement)
            self._open_calls.settle(call, settlement)
        else:
            further = replace(rule, fee_nanos=0, floor_nanos=0)  # a call pays them once
            call.additional_charges[event_id] = self._settlement(call, admission, kwargs, further)
        if call.heard or call.resolving:
            charge_additional(self._open_calls, call, admission)
        return True

    def _settlement(
        self, call: Call, admission: Admission, kwargs: Mapping[str, object], rule: PriceRule
    ) -> Settlement:
        group, deployment_id, _ = served_by(kwargs)
        is_declared_free = admission.declared_free(group, deployment_id)
        basis, cost, rule = self._priced(kwargs, rule, is_declared_free)
        if cost == 0 and basis == "provider_cost" and counted_nanos(call):
            cost = None  # no tokens, says LiteLLM, of a stream that we saw pass
        model = admission.model_of(group)
        detail = {**admission.detail, **charge_detail(kwargs, rule), "model": model}
        if basis == "provider_cost" and (why := _why_not_believed(call, admission, kwargs, rule, cost)):
            logger.warning("call %s: its usage is not believed: %s", call.id, why)
            cost, detail = None, {**detail, "implausible_usage": why}
        try:
            amount_nanos = charge_nanos_of(cost, rule)
        except InvalidAmount as error:
            logger.error("call %s has no cost (%s): charged by rule", call.id, error)
            counted = counted_nanos(call)
            ending, estimate = _ending_without_cost(call, counted), True
            amount_nanos = counted or admission.hold_nanos
            price = price_detail("count" if counted else "hold", None, rule, amount_nanos)
            description = f"{model}: price unknown, charged {'as counted' if counted else 'at the hold'}"
        else:
            ending, description = _ending_of(call, kwargs), model
            if rule.free:
                ending = Ending.FINISHED_FREE
            price = price_detail(basis, cost, rule, amount_nanos)
            estimate = False
        return Settlement(
            key=call.id,
            amount_nanos=amount_nanos,
            ending=ending,
            description=description,
            estimate=estimate,
            payer=admission.payer,
            detail={**detail, "ending": str(ending), "price": price},
        )

    def _priced(
        self, kwargs: Mapping[str, object], rule: PriceRule, is_declared_free: bool
    ) -> tuple[Basis, object, PriceRule]:
        """What is charged for, what that cost (None: not known), and the rule to apply."""
        if is_declared_free:
            return "free_model", 0, _NOTHING
        if rule.free:
            return "free_model", 0, rule
        if kwargs.get("cache_hit") is not True:
            return "provider_cost", cost_of(kwargs), rule
        if self._cache_hits == "full":
            return "cached_answer", _logged(kwargs).get("saved_cache_cost") or None, rule
        return "cache_hit", 0, rule if self._cache_hits == "rule" else _NOTHING


def _why_not_believed(
    call: Call, admission: Admission, kwargs: Mapping[str, object], rule: PriceRule, cost: object
) -> str | None:
    """Why what the provider reported, as LiteLLM has it, is no basis of a charge; None where it is one."""
    if call.session is not None and call.session.implausible_usage is not None:
        return call.session.implausible_usage
    logged = _logged(kwargs)
    usage = mapping_of(mapping_of(logged.get("metadata")).get("usage_object")) or {
        name: logged.get(name) for name in ("prompt_tokens", "completion_tokens", "total_tokens")
    }
    model = mapping_of(mapping_of(logged.get("model_map_information")).get("model_map_value"))
    context = model.get("max_input_tokens")
    known = Surroundings(
        context_tokens_max=context if isinstance(context, int) and not call.is_websocket else None,
        output_tokens_max=admission.output_tokens_max,
        shown_tokens=call.stream.shown_tokens if call.stream is not None else None,
    )
    if (why := why_implausible(usage, known)) is not None:
        return why
    try:
        is_absurd = cost is not None and is_absurd_charge(charge_nanos_of(cost, rule), admission.hold_nanos)
    except InvalidAmount:
        return None  # no amount at all: told by whoever charges it
    return "the cost is many times the most that the call could cost" if is_absurd else None


def _keep_what_broke_off(call: Call, admission: Admission, settlement: Settlement) -> None:
    """Has charged beside a session's own cost what it showed of answers whose usage nobody said."""
    shown_nanos = counted_nanos(call)
    if settlement.estimate or not shown_nanos:
        return
    ending = Ending.BROKEN_MID_STREAM
    price = price_detail("count", None, admission.rule, shown_nanos)
    call.additional_charges[_BROKEN_OFF] = replace(
        settlement,
        amount_nanos=shown_nanos,
        ending=ending,
        description=f"{settlement.description}: an answer broke off, charged as counted",
        estimate=True,
        detail={
            **admission.detail,
            "ending": str(ending),
            "rule": admission.rule.detail(),
            "price": price,
        },
    )


def cost_of(kwargs: Mapping[str, object]) -> object:
    """The provider cost as LiteLLM's spend log has it, or None where LiteLLM does not know it.

    `kwargs["response_cost"]` is None for an unpriced call, while the logging payload turns that into 0; a 0
    with tokens used and no cache hit is LiteLLM's way to say the same. So is a 0 for what is not counted in
    tokens (a provider that reports no searches), or for an answer whose tokens nobody reported. What a stream
    without usage costs is counted elsewhere. No deployment costs 0 but one that is declared free, which is
    not asked here.
    """
    if kwargs.get("response_cost") is None:
        return None
    logged = _logged(kwargs)
    cost = logged.get("response_cost", kwargs["response_cost"])
    call_type = kwargs.get("call_type")
    in_one_piece = call_type in _COUNTED_IN_TOKENS and kwargs.get("stream") is not True
    used = logged.get("total_tokens") or in_one_piece or call_type in _NEVER_FREE
    if cost == 0 and used and not kwargs.get("cache_hit"):
        return None
    return cost


def _logged(kwargs: Mapping[str, object]) -> Mapping[str, object]:
    return mapping_of(kwargs.get("standard_logging_object"))


def _ending_of(call: Call, kwargs: Mapping[str, object]) -> Ending:
    metadata = mapping_of(mapping_of(kwargs.get("litellm_params")).get("metadata"))
    marked = metadata.get("client_disconnected") is True
    if call.is_websocket:  # to leave is how a session ends
        return cut_by(call) if call.credit_ended else Ending.FINISHED
    streamed = kwargs.get("stream") is True
    cut = streamed and (marked or call.client_gone or call.credit_ended)
    return cut_by(call) if cut else Ending.FINISHED


def _ending_without_cost(call: Call, counted: int | None) -> Ending:
    """A stream that was cut costs what it showed, also where LiteLLM sends an event without a cost for it."""
    cut = counted and not call.is_websocket and (call.client_gone or call.credit_ended)
    return cut_by(call) if cut else Ending.FINISHED_UNPRICED
