"""`POST /stripe/credits`: the operator grants credit."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from billing.accounts.schemas import TransactionLine
from billing.api.caller import customer_of, require_admin
from billing.api.http import BillingRoute, errors
from billing.api.services import CallerDep, SettingsDep, service_of
from billing.credits.schemas import CreditRequest, CreditResponse
from billing.credits.service import Credits

CreditsDep = Annotated[Credits, Depends(service_of(Credits))]

router = APIRouter(route_class=BillingRoute, tags=["billing"])


@router.post(
    "/stripe/credits",
    summary="Grant a customer credit (admins)",
    responses=errors(400, 401, 403, 409, 413, 503),
)
async def give_credit(
    settings: SettingsDep, service: CreditsDep, caller: CallerDep, body: CreditRequest
) -> CreditResponse:
    """Adds to a customer's balance without a payment and records who granted it and why."""
    require_admin(caller)
    payer = customer_of(body.customer_type, body.customer_id, settings.stripe_charge_by)
    transaction = await service.give(
        payer, body.amount_nanos, body.reason, caller.actor, body.idempotency_key
    )
    line = TransactionLine.of(transaction)
    return CreditResponse(
        **line.model_dump(), customer_type=payer.customer_type, customer_id=payer.customer_id
    )
