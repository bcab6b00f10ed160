"""Finds calls charged an estimate because their cost is unknown, and charges the cost set by an operator."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from psycopg.rows import class_row

from billing.database import load_statements
from billing.errors import BadRequest, Conflict, KeyConflict, NotFound
from billing.ledger.endings import Ending
from billing.ledger.reader import LedgerReader, bounded
from billing.ledger.schemas import Json, Payer, Resolution
from billing.ledger.service import Ledger
from billing.prices.detail import rule_of_detail, without_rules
from billing.prices.settlement import ChargedCall, model_of, priced_settlement
from billing.settings import CustomerType

_SQL = load_statements("billing.review")
COST_MAX = Decimal(10_000)  # per call; anything larger is assumed to be a misplaced decimal point
COST_DECIMALS = 20


@dataclass(frozen=True, slots=True)
class UnpricedCall:
    """A call that was charged an estimate because its cost is unknown."""

    id: int  # for paging
    call_id: str
    customer_type: CustomerType
    customer_id: str
    charged: int
    description: str
    detail: Json
    created_at: datetime


@dataclass(frozen=True, slots=True)
class _Known:
    customer_type: CustomerType
    customer_id: str
    detail: Json
    is_open: bool | None


async def unpriced_calls(
    books: LedgerReader, *, limit: int = 100, before_id: int | None = None
) -> list[UnpricedCall]:
    """Returns a page of the calls to price, newest first (`limit` 1 to 1,000)."""
    async with books.connection() as connection:
        cursor = connection.cursor(row_factory=class_row(UnpricedCall))
        values = {"limit": bounded(limit), "before_id": before_id}
        return await (await cursor.execute(_SQL["calls_to_price"], values)).fetchall()


def parse_cost(value: object) -> Decimal:
    """Parses a provider's cost in major units from a decimal string.

    Raises BadRequest if invalid or negative.
    """
    try:
        cost = Decimal(value) if isinstance(value, str) else None
    except ArithmeticError:
        cost = None
    if cost is None or not cost.is_finite() or cost.is_signed() or cost > COST_MAX:
        raise BadRequest(
            f'A cost must be a decimal string from 0 to {COST_MAX}, like "0.0012".', param="cost"
        )
    exponent = cost.as_tuple().exponent
    if isinstance(exponent, int) and -exponent > COST_DECIMALS:
        raise BadRequest(f"A cost must have at most {COST_DECIMALS} decimals.", param="cost")
    return cost


async def price_by_hand(
    ledger: Ledger, call_id: str, cost: Decimal, *, reason: str, actor: str | None
) -> Resolution:
    """Replaces a call's estimate by the charge for the provider's cost, by the rule of its admission.

    Reversal and charge are one transaction. Repeating the same cost changes nothing. Raises NotFound,
    Conflict while the call is running, KeyConflict if its real cost is already booked.
    """
    known = await _known(ledger, call_id)
    if known.is_open:
        raise Conflict(f"The call {call_id} has not ended yet.")
    rule = rule_of_detail(known.detail, None, None)
    payer = Payer(known.customer_type, known.customer_id)
    settlement = priced_settlement(
        ChargedCall(call_id, payer, without_rules(known.detail), model_of(known.detail)),
        Ending.PRICED_BY_HAND,
        basis="by_hand",
        cost=cost,
        rule=rule,
        note="priced by hand",
        facts={
            "rule": known.detail.get("rule", rule.detail()),  # which contains the scope
            "reason": reason,
            "priced_by": actor,
        },
    )
    try:
        return await ledger.settle(settlement)
    except KeyConflict as error:
        raise KeyConflict(f"The real cost of the call {call_id} is already booked.") from error


async def _known(books: LedgerReader, call_id: str) -> _Known:
    async with books.connection() as connection:
        cursor = connection.cursor(row_factory=class_row(_Known))
        row = await (await cursor.execute(_SQL["call_to_price"], {"call_id": call_id})).fetchone()
    if row is None:
        raise NotFound(f"There is no charge or hold of a call {call_id}.")
    return row
