"""Compares what the books and LiteLLM's spend log say about one call. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from billing.ledger.endings import Ending
from billing.money import NANOS_MAX, format_nanos
from billing.reconcile.schemas import Difference, Repair, Source

NANO = Decimal("0.000000001")
_FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class CallRow:
    """An ended call according to its hold. `charged` is nanos."""

    key: str
    customer: str
    status: str
    ending: str | None
    charged: int
    estimate: bool


@dataclass(frozen=True, slots=True)
class ChargeRow:
    """A charge of a call, except estimates. `cost` is the provider's, a decimal string."""

    key: str
    source_key: str
    cost: str | None
    response_id: str | None


@dataclass(frozen=True, slots=True)
class LogRow:
    """A row of LiteLLM's spend log under our call id."""

    key: str
    request_id: str
    cost: str
    status: str


def difference_of(
    call: CallRow, charges: list[ChargeRow], logs: list[LogRow], owners: Mapping[str, str | None]
) -> Difference | None:
    """Returns how the call's cost in the books differs from its cost in the log; None if they agree.

    `owners` maps a provider response id to the call that the log's row belongs to: LiteLLM stores one row per
    response id and drops the next, so a charge whose row belongs to another call is not missing one
    (litellm/proxy/utils.py, `skip_duplicates`).
    """
    logged = sum((_decimal(log.cost) for log in logs), Decimal(0))
    if call.estimate:
        return _of_estimate(call, logs, logged)
    if call.ending == Ending.PRICED_BY_HAND:
        return None  # LiteLLM never knew the cost
    if call.ending == Ending.FINISHED_FREE:  # whatever the log says it cost the operator
        logged, logs = Decimal(0), []
    if _is_released(call):
        logged = sum((_decimal(log.cost) for log in logs if log.status != _FAILURE), Decimal(0))
    ours = [charge for charge in charges if not _is_dropped(charge, owners)]
    booked = sum((_decimal(charge.cost) for charge in ours), Decimal(0))
    paid_logs = [log for log in logs if _decimal(log.cost) != 0]
    if not ours and (charges or not logged):
        return None  # all its rows were dropped, or both sides say that it was free
    if ours and not logs:
        return _difference(
            call, "missing", logged, booked, "charged, and LiteLLM's spend log has no row of it"
        )
    if _agree(booked, logged, len(ours)):
        return None
    if len(ours) > len(paid_logs):
        return _difference(
            call, "double", logged, booked, f"{len(ours)} charges, {len(paid_logs)} logged costs"
        )
    if len(ours) < len(paid_logs):
        text = f"{len(paid_logs)} logged costs, {len(ours)} charges (ending: {call.ending})"
        return _difference(call, "uncharged", logged, booked, text)
    return _difference(call, "different", logged, booked, "the cost in the charge is not the cost in the log")


def assign_failures(
    charges: Mapping[str, list[ChargeRow]], failures: Sequence[LogRow]
) -> dict[str, list[LogRow]]:
    """Assigns unlabelled failure rows to calls with the same cost, each row to one call at most."""
    taken: set[str] = set()
    found: dict[str, list[LogRow]] = {}
    for row in failures:
        booked = sum((_decimal(charge.cost) for charge in charges.get(row.key, ())), Decimal(0))
        is_free = row.key not in found and row.request_id not in taken
        if is_free and _agree(booked, _decimal(row.cost), 1):
            taken.add(row.request_id)
            found[row.key] = [row]
    return found


def unknown_call(request_id: str, call_id: str, cost: str, user: str | None) -> Difference:
    """Builds the difference for a logged cost whose call id is unknown to the books."""
    logged = _decimal(cost)
    return Difference(
        book=Source.SPEND_LOGS,
        rule="unknown_call",
        subject=call_id,
        expected=_money(logged),
        found=_money(Decimal(0)),
        drift_nanos=-_nanos(logged),
        explanation=f"spend log row {request_id} has neither a hold nor a charge",
        customer=f"user_id:{user}" if user else None,
    )


def _of_estimate(call: CallRow, logs: list[LogRow], logged: Decimal) -> Difference | None:
    """Checks an estimate: it is not compared, but should be replaced if the real cost is known."""
    if not logged.is_finite() or logged <= 0 or all(log.status == _FAILURE for log in logs):
        return None
    booked = Decimal(call.charged) * NANO
    text = f"charged an estimate ({call.ending}); the spend log has the real cost"
    return _difference(call, "estimate_not_replaced", logged, booked, text, Repair.REPLACE)


def _is_released(call: CallRow) -> bool:
    return call.status == "released"  # failed calls are priced by the operator's setting, not by the log


def _is_dropped(charge: ChargeRow, owners: Mapping[str, str | None]) -> bool:
    """Whether LiteLLM gave the row of this charge's response to another call."""
    return charge.response_id is not None and owners.get(charge.response_id, charge.key) != charge.key


def _agree(booked: Decimal, logged: Decimal, charges: int) -> bool:
    if not (booked.is_finite() and logged.is_finite()):
        return False
    return abs(booked - logged) <= NANO * max(charges, 1)


def _difference(
    call: CallRow, rule: str, logged: Decimal, booked: Decimal, explanation: str, repair: Repair | None = None
) -> Difference:
    return Difference(
        book=Source.SPEND_LOGS,
        rule=rule,
        subject=call.key,
        expected=_money(logged),
        found=_money(booked),
        drift_nanos=_nanos(booked) - _nanos(logged),
        explanation=explanation,
        customer=call.customer,
        repair=repair,
    )


def _decimal(text: str | None) -> Decimal:
    """Parses a cost; NaN if it is invalid, which equals nothing."""
    try:
        return Decimal(text if text is not None else "NaN")
    except InvalidOperation:
        return Decimal("NaN")


def _nanos(amount: Decimal) -> int:
    if not amount.is_finite() or amount.adjusted() > 9:
        return 0
    return max(-NANOS_MAX, min(NANOS_MAX, round(amount / NANO)))


def _money(amount: Decimal) -> str:
    return format_nanos(_nanos(amount)) if amount.is_finite() and amount.adjusted() <= 9 else str(amount)
