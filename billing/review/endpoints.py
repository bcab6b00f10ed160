"""`/stripe/review`: calls that need a price."""

from __future__ import annotations

from fastapi import APIRouter

from billing.api.caller import require_admin, require_reads_all
from billing.api.http import BillingRoute, errors
from billing.api.paging import Cursor, Limit, decode_cursor, next_cursor
from billing.api.request_fields import Text
from billing.api.services import CallerDep, LedgerDep
from billing.money import format_nanos
from billing.review.repricing import parse_cost, price_by_hand, unpriced_calls
from billing.review.schemas import CallPriceRequest, CallsToPrice, CallToPrice, PricedCall

router = APIRouter(route_class=BillingRoute, tags=["billing"])


@router.get(
    "/stripe/review",
    summary="Calls that need a price (admins)",
    responses=errors(400, 401, 403, 503),
)
async def list_calls_to_price(
    ledger: LedgerDep, caller: CallerDep, limit: Limit = 50, cursor: Cursor = None
) -> CallsToPrice:
    """Lists calls that were charged an estimate because LiteLLM could not determine their cost."""
    require_reads_all(caller)
    calls = await unpriced_calls(ledger, limit=limit, before_id=decode_cursor(cursor))
    return CallsToPrice(
        data=[
            CallToPrice(
                call_id=call.call_id,
                customer_type=call.customer_type,
                customer_id=call.customer_id,
                charged=format_nanos(call.charged),
                description=call.description,
                created_at=call.created_at,
                detail=dict(call.detail),
            )
            for call in calls
        ],
        next_cursor=next_cursor(calls, limit),
    )


@router.post(
    "/stripe/review/{call_id}",
    summary="Set the cost of a call (admins)",
    responses=errors(400, 401, 403, 404, 409, 413, 503),
)
async def price_call(
    ledger: LedgerDep, caller: CallerDep, call_id: Text, body: CallPriceRequest
) -> PricedCall:
    """Replaces the estimate by the real cost, charged by the price rule of the call's admission."""
    require_admin(caller)
    resolution = await price_by_hand(
        ledger,
        call_id,
        parse_cost(body.cost),
        reason=body.reason,
        actor=caller.actor,
    )
    return PricedCall(
        call_id=call_id,
        charged=format_nanos(resolution.charged_nanos),
        changed=resolution.changed,
        available=format_nanos(resolution.available_nanos),
    )
