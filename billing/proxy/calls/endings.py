"""The table of endings: what a call costs depending on how it ended (docs/explanation/endings.md).

Success events contain their own cost and are not decided here. `ending_at_request_end` decides the rest, from
what the middleware and the hooks saw, when the response has ended.

Providers bill the input of a call even if they do not answer in time. If the client chose the time limit
(`timeout` in the body, `x-litellm-timeout`), the call counts as cut by the client before its first chunk; if
the operator chose it, the call failed.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from billing.ledger.endings import Ending
from billing.proxy.admitted.call import Admission
from billing.proxy.calls.call import Call
from billing.settings import FailedCallCharge, Settings


@dataclass(frozen=True, slots=True)
class Release:
    """The call costs nothing."""

    ending: Ending


@dataclass(frozen=True, slots=True)
class ChargeEstimate:
    """The cost is unknown: charges an estimate. `basis` says of what."""

    ending: Ending
    amount_nanos: int
    basis: Literal["input", "count", "hold"]  # its input; what its stream had shown; its hold


@dataclass(frozen=True, slots=True)
class ChargeCost:
    """The call costs what LiteLLM recovered of it."""

    ending: Ending
    cost: Cost


@dataclass(frozen=True, slots=True)
class Wait:
    """An event is pending, or nobody can know: the watchdog decides."""


Cost = Decimal | float  # in major units, from LiteLLM
Decision = Release | ChargeEstimate | ChargeCost | Wait


def ending_at_request_end(call: Call, admission: Admission, settings: Settings) -> Decision:
    """Decides the ending of an admitted call without a success event by the end of its response."""
    if call.success_pending:
        return Wait()
    if call.upstream.timed_out and not _delivered(call):
        return _timed_out(call, admission, settings)
    counted_nanos = call.stream.likely_nanos if call.stream is not None else None
    is_guessed = call.usage_is_guessed and counted_nanos is not None
    if call.recovered_cost is not None and not is_guessed:
        return ChargeCost(Ending.BROKEN_MID_STREAM, call.recovered_cost)
    if not call.upstream.dispatched:
        return Release(Ending.NOT_DISPATCHED)
    if call.upstream.answer_rejected:
        return ChargeEstimate(Ending.FINISHED_UNPRICED, admission.hold_nanos, "hold")
    if counted_nanos is not None and not _may_be_finished(call):
        cut = call.delivery.client_gone or call.delivery.credit_ended
        return ChargeEstimate(cut_by(call) if cut else Ending.BROKEN_MID_STREAM, counted_nanos, "count")
    showed_nothing = call.stream is not None and not _may_be_finished(call)  # and broke off
    if call.upstream.logging_obj is None or (_delivered(call) and not showed_nothing):
        return Wait()
    if call.delivery.client_gone:
        return _by_setting(settings.billing_charge_cut_before_first, Ending.CUT_BEFORE_FIRST_CHUNK, admission)
    ending = Ending.REJECTED if call.upstream.rejected else Ending.FAILED
    return _by_setting(settings.billing_charge_failed, ending, admission)


def cut_by(call: Call) -> Ending:
    """Returns who ended a stream early: its client, or billing."""
    return Ending.CREDIT_EXHAUSTED if call.delivery.credit_ended else Ending.CUT_MID_STREAM


def _timed_out(call: Call, admission: Admission, settings: Settings) -> Decision:
    own_choice = call.upstream.client_set_timeout
    setting = settings.billing_charge_cut_before_first if own_choice else settings.billing_charge_failed
    if setting == "input" and call.recovered_cost is not None:
        return ChargeCost(Ending.TIMED_OUT, call.recovered_cost)
    return _by_setting(setting, Ending.TIMED_OUT, admission)


def _may_be_finished(call: Call) -> bool:
    """Whether the stream reached its own end, so that an event may still arrive."""
    failed = call.stream is not None and call.stream.failed
    return call.delivery.in_full and not call.delivery.credit_ended and not failed


def _delivered(call: Call) -> bool:
    """Whether content was delivered: then a success or failure event has the usage, perhaps later."""
    return call.delivery.body_bytes > 0 and call.delivery.status is not None and call.delivery.status < 400


def _by_setting(setting: FailedCallCharge, ending: Ending, admission: Admission) -> Decision:
    if setting == "input" and admission.input_charge_nanos > 0:
        return ChargeEstimate(ending, admission.input_charge_nanos, "input")
    return Release(ending)
