"""`POST /stripe/topup`: starts a top-up."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from billing.api.caller import CustomerChoice, payer_to_change
from billing.api.http import BillingRoute, errors
from billing.api.services import CallerDep, SettingsDep, service_of
from billing.topups.schemas import TopupRequest, TopupResponse
from billing.topups.service import Topups

TopupsDep = Annotated[Topups, Depends(service_of(Topups))]

router = APIRouter(route_class=BillingRoute, tags=["billing"])


@router.post("/stripe/topup", summary="Top up the balance", responses=errors(400, 401, 403, 409, 413, 503))
async def start_topup(
    settings: SettingsDep, topups: TopupsDep, caller: CallerDep, body: TopupRequest
) -> TopupResponse:
    """Opens a payment page. The amount paid is added to the balance when Stripe confirms the payment."""
    choice = CustomerChoice(body.customer_type, body.customer_id)
    payer = payer_to_change(caller, choice, settings.stripe_charge_by)
    topup = await topups.start(payer, body.amount_nanos, body.success_url, body.cancel_url)
    return TopupResponse(checkout_session_id=topup.checkout_session_id, checkout_url=topup.checkout_url)
