"""`/v1/account` and `/v1/balance`"""

from __future__ import annotations

from pydantic import JsonValue

from devkit.stripe_sandbox.errors import Json
from devkit.stripe_sandbox.objects.account import account
from devkit.stripe_sandbox.operation import Operation

OPENED = 1_760_000_000


def retrieve(operation: Operation) -> Json:
    """`GET /v1/account`"""
    return account(OPENED)


def balance(operation: Operation) -> Json:
    """`GET /v1/balance`: the total of succeeded charges per currency; the sandbox has no fees."""
    rows = operation.store.connection.execute(
        "SELECT json_extract(body, '$.currency'), sum(json_extract(body, '$.amount_captured')) FROM records "
        "WHERE kind = 'charge' AND json_extract(body, '$.status') = 'succeeded' GROUP BY 1"
    )
    sums: dict[str, int] = {"usd": 0} | dict(rows)
    available: list[JsonValue] = [
        {"amount": amount, "currency": currency, "source_types": {"card": amount}}
        for currency, amount in sorted(sums.items())
    ]
    pending: list[JsonValue] = [
        {"amount": 0, "currency": currency, "source_types": {"card": 0}} for currency in sorted(sums)
    ]
    return {"object": "balance", "available": available, "livemode": False, "pending": pending}
