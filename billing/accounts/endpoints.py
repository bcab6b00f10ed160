"""`GET /stripe/balance`, `/stripe/transactions` and, for the operator, `/stripe/balances/all`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query
from fastapi.responses import JSONResponse, Response

from billing.accounts.cursors import decode_cursor, encode_cursor
from billing.accounts.schemas import Balance, BalancePage, TransactionLine, TransactionPage
from billing.accounts.transactions_csv import MEDIA_TYPE, prefers_csv, render_csv
from billing.caller import CustomerChoice, payer_to_read, require_reads_all
from billing.http import BillingRoute, errors
from billing.ledger.schemas import TransactionKind, TransactionQuery
from billing.request_fields import CustomerId
from billing.services import BillingDep, CallerDep
from billing.settings import CustomerType

PAGE_MAX = 100
_NO_STORE = {"cache-control": "no-store", "vary": "accept, authorization"}

router = APIRouter(route_class=BillingRoute, tags=["billing"])


def _choice(
    customer_id: Annotated[CustomerId | None, Query(description="For admins only.")] = None,
    customer_type: Annotated[CustomerType | None, Query(description="For admins only.")] = None,
) -> CustomerChoice:
    return CustomerChoice(customer_type, customer_id)


ChoiceDep = Annotated[CustomerChoice, Depends(_choice)]
Limit = Annotated[int, Query(ge=1, le=PAGE_MAX)]
Cursor = Annotated[str | None, Query(max_length=64, description="`next_cursor` of the page before.")]


@router.get("/stripe/balance", summary="What the customer has", responses=errors(400, 401, 403, 503))
async def read_balance(billing: BillingDep, caller: CallerDep, choice: ChoiceDep) -> Balance:
    """The balance of the key's customer. A customer not seen before has zeros."""
    payer = payer_to_read(caller, choice, billing.settings.stripe_charge_by)
    return Balance.of(await billing.ledger.account(payer))


@router.get(
    "/stripe/transactions",
    summary="What moved the balance",
    response_model=TransactionPage,
    responses={
        200: {
            "content": {MEDIA_TYPE: {"schema": {"type": "string"}}},
            "description": "A page, newest first, as JSON or CSV. The header x-next-cursor is next_cursor.",
        },
        **errors(400, 401, 403, 503),
    },
)
async def list_transactions(
    billing: BillingDep,
    caller: CallerDep,
    choice: ChoiceDep,
    limit: Limit = 50,
    cursor: Cursor = None,
    kind: Annotated[TransactionKind | None, Query(alias="type")] = None,
    since: Annotated[
        datetime | None, Query(description="From this time on; UTC if it names no zone.")
    ] = None,
    until: Annotated[datetime | None, Query(description="Before this time.")] = None,
    accept: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> Response:
    """The books of the key's customer, newest first."""
    payer = payer_to_read(caller, choice, billing.settings.stripe_charge_by)
    query = TransactionQuery(
        limit=limit,
        before_id=decode_cursor(cursor),
        kind=kind,
        since=_with_zone(since),
        until=_with_zone(until),
    )
    transactions = await billing.ledger.transactions(payer, query)
    lines = [TransactionLine.of(transaction) for transaction in transactions]
    next_cursor = encode_cursor(transactions[-1].id) if len(transactions) == limit else None
    headers = {**_NO_STORE, **({"x-next-cursor": next_cursor} if next_cursor else {})}
    if prefers_csv(accept):
        return Response(render_csv(lines), media_type=f"{MEDIA_TYPE}; charset=utf-8", headers=headers)
    page = TransactionPage(data=lines, next_cursor=next_cursor)
    return JSONResponse(page.model_dump(mode="json"), headers=headers)


@router.get(
    "/stripe/balances/all",
    summary="Every customer's balance (admins)",
    responses=errors(400, 401, 403, 503),
)
async def list_balances(
    billing: BillingDep, caller: CallerDep, limit: Limit = 50, cursor: Cursor = None
) -> BalancePage:
    """All customers, in the order in which they came."""
    require_reads_all(caller)
    accounts = await billing.ledger.accounts(limit=limit, after_id=decode_cursor(cursor) or 0)
    last_id = accounts[-1].id if len(accounts) == limit else None
    return BalancePage(
        data=[Balance.of(account) for account in accounts],
        next_cursor=encode_cursor(last_id) if last_id is not None else None,
    )


def _with_zone(moment: datetime | None) -> datetime | None:
    if moment is None or moment.tzinfo is not None:
        return moment
    return moment.replace(tzinfo=UTC)
