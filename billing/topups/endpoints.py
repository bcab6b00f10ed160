"""`POST /stripe/topup`: starts a top-up."""

from __future__ import annotations

from fastapi import APIRouter

from billing.api.caller import CustomerChoice, payer_to_change
from billing.api.http import BillingRoute, errors
from billing.api.services import BillingDep, CallerDep
from billing.topups.schemas import TopupRequest, TopupResponse

router = APIRouter(route_class=BillingRoute, tags=["billing"])


@router.post("/stripe/topup", summary="Top up the balance", responses=errors(400, 401, 403, 409, 413, 503))
async def start_topup(billing: BillingDep, caller: CallerDep, body: TopupRequest) -> TopupResponse:
    """Opens a payment page. The amount paid is added to the balance when Stripe confirms the payment."""
    choice = CustomerChoice(body.customer_type, body.customer_id)
    payer = payer_to_change(caller, choice, billing.settings.stripe_charge_by)
    topup = await billing.topups.start(payer, body.amount_nanos, body.success_url, body.cancel_url)
    return TopupResponse(checkout_session_id=topup.checkout_session_id, checkout_url=topup.checkout_url)
