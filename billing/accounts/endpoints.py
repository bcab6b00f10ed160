"""`GET /stripe/balance`, `/stripe/transactions` and, for the operator, `/stripe/balances/all`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.responses import JSONResponse, Response

from billing.accounts.schemas import Balance, BalancePage, TransactionLine, TransactionPage
from billing.accounts.transactions_csv import MEDIA_TYPE, prefers_csv, render_csv
from billing.api.caller import payer_to_read, require_reads_all
from billing.api.http import BillingRoute, errors
from billing.api.paging import Cursor, Limit, decode_cursor, next_cursor
from billing.api.services import CallerDep, ChoiceDep, LedgerDep, SettingsDep
from billing.ledger.schemas import TransactionKind, TransactionQuery

_NO_STORE = {"cache-control": "no-store", "vary": "accept, authorization"}

router = APIRouter(route_class=BillingRoute, tags=["billing"])


@router.get("/stripe/balance", summary="What the customer has", responses=errors(400, 401, 403, 503))
async def read_balance(
    settings: SettingsDep, ledger: LedgerDep, caller: CallerDep, choice: ChoiceDep
) -> Balance:
    """Returns the balance of the key's customer; zeros for a customer not seen before."""
    payer = payer_to_read(caller, choice, settings.stripe_charge_by)
    return Balance.of(await ledger.account(payer))


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
    settings: SettingsDep,
    ledger: LedgerDep,
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
    """Lists the transactions of the key's customer, newest first."""
    payer = payer_to_read(caller, choice, settings.stripe_charge_by)
    query = TransactionQuery(
        limit=limit,
        before_id=decode_cursor(cursor),
        kind=kind,
        since=_with_zone(since),
        until=_with_zone(until),
    )
    transactions = await ledger.transactions(payer, query)
    lines = [TransactionLine.of(transaction) for transaction in transactions]
    behind = next_cursor(transactions, limit)
    headers = {**_NO_STORE, **({"x-next-cursor": behind} if behind else {})}
    if prefers_csv(accept):
        return Response(render_csv(lines), media_type=f"{MEDIA_TYPE}; charset=utf-8", headers=headers)
    page = TransactionPage(data=lines, next_cursor=behind)
    return JSONResponse(page.model_dump(mode="json"), headers=headers)


@router.get(
    "/stripe/balances/all",
    summary="Every customer's balance (admins)",
    responses=errors(400, 401, 403, 503),
)
async def list_balances(
    ledger: LedgerDep, caller: CallerDep, limit: Limit = 50, cursor: Cursor = None
) -> BalancePage:
    """Lists all customers, oldest account first."""
    require_reads_all(caller)
    accounts = await ledger.accounts(limit=limit, after_id=decode_cursor(cursor) or 0)
    return BalancePage(
        data=[Balance.of(account) for account in accounts], next_cursor=next_cursor(accounts, limit)
    )


def _with_zone(moment: datetime | None) -> datetime | None:
    if moment is None or moment.tzinfo is not None:
        return moment
    return moment.replace(tzinfo=UTC)
