"""`/stripe/prices`: manages the operator's price rules."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from billing.api.caller import CustomerChoice, customer_of, require_admin, require_reads_all
from billing.api.http import BillingRoute, errors
from billing.api.paging import Cursor, Limit, decode_cursor, next_cursor
from billing.api.request_fields import Text
from billing.api.services import CallerDep, ChoiceDep, SettingsDep, service_of
from billing.ledger.schemas import Payer
from billing.prices.schemas import (
    PriceAnswer,
    PriceLine,
    PricePage,
    PriceRequest,
)
from billing.prices.service import HistoryQuery, Prices, StoredRule
from billing.settings import Settings

PricesDep = Annotated[Prices, Depends(service_of(Prices))]

router = APIRouter(route_class=BillingRoute, tags=["billing"])


@router.get("/stripe/prices", summary="Price rules (admins)", responses=errors(400, 401, 403, 503))
async def list_prices(
    settings: SettingsDep,
    prices: PricesDep,
    caller: CallerDep,
    choice: ChoiceDep,
    limit: Limit = 50,
    cursor: Cursor = None,
    ended: Annotated[bool, Query(description="Include rules that have ended.")] = False,
) -> PricePage:
    """Lists the rules of the configuration file on the first page, then those of the API, newest first."""
    require_reads_all(caller)
    customer = _customer(settings, choice)
    before_id = decode_cursor(cursor)
    stored = await prices.history(HistoryQuery(limit, before_id, ended, customer))
    lines = [_line(prices, one) for one in stored]
    if before_id is None:
        at = prices.now()
        lines[:0] = [
            PriceLine.of(rule, at)
            for rule in prices.configured
            if (ended or rule.valid_until is None or rule.valid_until > at)
            and customer in (None, rule.scope.customer)
        ]
    return PricePage(data=lines, next_cursor=next_cursor(stored, limit))


@router.get(
    "/stripe/prices/effective",
    summary="Which rule applies to a call now (admins)",
    responses=errors(400, 401, 403, 503),
)
async def read_effective_price(
    settings: SettingsDep,
    prices: PricesDep,
    caller: CallerDep,
    choice: ChoiceDep,
    model: Text,
    team_id: Text | None = None,
    provider: Text | None = None,
) -> PriceAnswer:
    """Returns the rule that wins for this customer, team, model group and provider."""
    require_reads_all(caller)
    customer = _customer(settings, choice) or Payer(settings.stripe_charge_by, "")
    rule = prices.prices_for(customer, team_id).rule_for((model,), provider)
    return PriceAnswer(rule=PriceLine.of(rule, prices.now()), formula=rule.formula)


@router.post(
    "/stripe/prices",
    summary="Create a price rule (admins)",
    responses=errors(400, 401, 403, 409, 413, 503),
)
async def make_price(
    settings: SettingsDep, prices: PricesDep, caller: CallerDep, body: PriceRequest
) -> PriceLine:
    """Prices calls admitted from `valid_from` on. Running calls and existing charges do not change."""
    require_admin(caller)
    made = await prices.make(body, settings.stripe_charge_by, caller.actor)
    return _line(prices, made)


@router.delete(
    "/stripe/prices/{rule_id}",
    summary="End a price rule (admins)",
    responses=errors(400, 401, 403, 404, 409, 503),
)
async def end_price(prices: PricesDep, caller: CallerDep, rule_id: Text) -> PriceLine:
    """Ends a rule immediately. It stays in the history; ending it again changes nothing."""
    require_admin(caller)
    return _line(prices, await prices.end(rule_id, caller.actor))


def _customer(settings: Settings, choice: CustomerChoice) -> Payer | None:
    if choice.customer_id is None:
        return None
    return customer_of(choice.customer_type, choice.customer_id, settings.stripe_charge_by)


def _line(prices: Prices, stored: StoredRule) -> PriceLine:
    line = PriceLine.of(stored.rule, prices.now())
    return line.model_copy(
        update={
            "reason": stored.reason,
            "created_by": stored.created_by,
            "created_at": stored.created_at,
            "ended_by": stored.ended_by,
        }
    )
