"""`proxyllm review`: lists calls charged an estimate, and sets the cost of one."""

from __future__ import annotations

import json

from billing.database.pool import open_pool
from billing.ledger.schemas import UnconfirmedCall
from billing.ledger.service import Ledger
from billing.money import format_nanos
from billing.review.repricing import UnpricedCall, parse_cost, price_by_hand, unpriced_calls
from billing.settings import get_settings
from gateway.messages import DONE
from proxyllm.books import open_books
from proxyllm.output import answer, say


def list_for_review(limit: int, *, as_json: bool) -> int:
    """`proxyllm review`."""
    return answer(_review(limit, as_json=as_json))


def price_call(call_id: str, cost: str, reason: str, *, as_json: bool) -> int:
    """`proxyllm review --price CALL COST`."""
    return answer(_price(call_id, cost, reason, as_json=as_json))


async def _review(limit: int, *, as_json: bool) -> int:
    async with open_books(get_settings()) as books:
        unconfirmed = await books.for_review(limit=limit)
        unpriced = await unpriced_calls(books, limit=limit)
    if as_json:
        calls = [*map(_unconfirmed, unconfirmed), *map(_unpriced, unpriced)]
        say(json.dumps({"calls": calls}))
    else:
        lines = [*map(_unconfirmed_line, unconfirmed), *map(_unpriced_line, unpriced)]
        say("\n".join(lines) or "nothing to review")
    return DONE


async def _price(call_id: str, cost: str, reason: str, *, as_json: bool) -> int:
    provider_cost = parse_cost(cost)
    settings = get_settings()
    pool = await open_pool(settings, max_size=2, application_name="proxyllm cli")
    try:
        async with Ledger(pool, owner="proxyllm cli", currency=settings.billing_currency) as ledger:
            resolution = await price_by_hand(ledger, call_id, provider_cost, reason=reason, actor="cli")
    finally:
        await pool.close()
    charged = format_nanos(resolution.charged_nanos)
    if as_json:
        say(json.dumps({"call_id": call_id, "charged": charged, "changed": resolution.changed}))
    else:
        say(f"{call_id} charged {charged}" + ("" if resolution.changed else ", as it was"))
    return DONE


def _unconfirmed(call: UnconfirmedCall) -> dict[str, object]:
    return {
        "why": "no_event",
        "call_id": call.hold.key,
        "customer_type": call.hold.payer.customer_type,
        "customer_id": call.hold.payer.customer_id,
        "charged": format_nanos(call.hold.charged_nanos or 0),
        "held": format_nanos(call.hold.amount_nanos),
        "owner": call.owner,
        "created_at": call.hold.created_at.isoformat(),
        "resolved_at": call.resolved_at.isoformat(),
    }


def _unpriced(call: UnpricedCall) -> dict[str, object]:
    return {
        "why": "finished_unpriced",
        "call_id": call.call_id,
        "customer_type": call.customer_type,
        "customer_id": call.customer_id,
        "charged": format_nanos(call.charged),
        "resolved_at": call.created_at.isoformat(),
        "detail": dict(call.detail),
    }


def _unconfirmed_line(call: UnconfirmedCall) -> str:
    charged = format_nanos(call.hold.charged_nanos or 0)
    who = f"{call.hold.payer.customer_id} {call.hold.key}"
    return f"{call.resolved_at:%Y-%m-%d %H:%M:%S} {who} charged {charged}, no success event arrived"


def _unpriced_line(call: UnpricedCall) -> str:
    charged = format_nanos(call.charged)
    who = f"{call.customer_id} {call.call_id}"
    return f"{call.created_at:%Y-%m-%d %H:%M:%S} {who} charged {charged}, an estimate: its cost is not known"
