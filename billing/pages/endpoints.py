"""Serves `/billing` for customers, `/billing/admin` for the operator, and `/billing/topup/return`, the page
after Stripe Checkout.
"""

from __future__ import annotations

from typing import Annotated, get_args

from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse

from billing.api.http import BillingRoute
from billing.api.services import SettingsDep, service_of
from billing.money import format_nanos, parse_amount
from billing.pages.rendering import render
from billing.pages.topup_return import CANCELED, LOOKS_MAX, UNKNOWN, notice_for
from billing.settings import CustomerType
from billing.topups.fulfilment import Fulfilment

router = APIRouter(route_class=BillingRoute, include_in_schema=False)


@router.get("/billing", response_class=HTMLResponse)
async def show_billing(settings: SettingsDep) -> HTMLResponse:
    """Shows balance, top-up and transactions.

    The page is public and loads its data with the reader's own key.
    """
    least, most = (
        format_nanos(parse_amount(amount))
        for amount in (settings.billing_topup_min, settings.billing_topup_max)
    )
    return render("billing.html", currency=settings.billing_currency.upper(), least=least, most=most)


@router.get("/billing/admin", response_class=HTMLResponse)
async def show_admin(settings: SettingsDep) -> HTMLResponse:
    """Shows all balances and a form to grant credit. Public and empty like the customer's page."""
    return render(
        "admin.html",
        currency=settings.billing_currency.upper(),
        low=format_nanos(parse_amount(settings.billing_topup_min)),
        charge_by=settings.stripe_charge_by,
        customer_types=get_args(CustomerType),
    )


@router.get("/billing/topup/return", response_class=HTMLResponse)
async def show_topup_return(
    fulfilment: Annotated[Fulfilment, Depends(service_of(Fulfilment))],
    session_id: str | None = None,
    canceled: bool = False,
    looks: Annotated[int, Query(ge=0, le=LOOKS_MAX)] = 0,
) -> HTMLResponse:
    """Credits the payment if it has not been credited yet, and shows its status. Needs no key."""
    if canceled:
        notice = CANCELED
    elif session_id is None:
        notice = UNKNOWN
    else:
        notice = await notice_for(fulfilment, session_id, looks)
    return render(
        "topup_return.html", status=notice.status, notice=notice, session_id=session_id, looks=looks + 1
    )
