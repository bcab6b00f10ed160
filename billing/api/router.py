"""Collects all billing routes in one router."""

from __future__ import annotations

from fastapi import APIRouter

from billing.accounts import endpoints as accounts
from billing.credits import endpoints as credits_endpoints
from billing.pages import endpoints as pages
from billing.prices import endpoints as prices
from billing.review import endpoints as review
from billing.topups import endpoints as topups
from billing.webhooks import endpoints as webhooks


def build_router() -> APIRouter:
    """Builds the router.

    Its endpoints use the services at `app.state.billing` (`billing.api.services.Billing`).
    """
    router = APIRouter()
    for part in (accounts, topups, credits_endpoints, prices, review, webhooks, pages):
        router.include_router(part.router)
    return router
