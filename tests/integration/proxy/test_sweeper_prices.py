"""A call whose process died is charged from LiteLLM's spend log, by the rule of its admission."""

from __future__ import annotations

import json
from decimal import Decimal
from uuid import uuid4

import psycopg
import pytest
from pydantic import JsonValue

from billing.database import Pool
from billing.ledger import Ledger
from billing.ledger.schemas import Entry, HoldRequest, Payer, Transaction, TransactionKind
from billing.prices.detail import rules_detail
from billing.prices.rule import PriceRule
from billing.proxy.calls.sweeper import Sweeper
from tests.deadline import eventually

UNIT = 1_000_000_000
ADA = Payer("user_id", "ada")
KEY_HASH = "hash"
PLAIN = PriceRule(Decimal(2), fee_nanos=1_000, id="price_1", source="api")
DEAR = PriceRule(Decimal(5), id="price_2", source="api")
RULES = {("chat", "d1"): PLAIN, ("spare", "d2"): DEAR}
SPEND_LOGS = b"""CREATE TABLE public."LiteLLM_SpendLogs" (api_key text, spend float8, model text,
  prompt_tokens int, completion_tokens int, total_tokens int, status text, model_group text, model_id text,
  cache_hit text, "startTime" timestamp, metadata jsonb)"""
LOG = b"""INSERT INTO public."LiteLLM_SpendLogs" VALUES (%s, %s::text::float8, 'm', 5, 7, 12, %s, %s, %s, %s,
  now() AT TIME ZONE 'UTC', %s::jsonb)"""


async def died(ledger: Ledger, pool: Pool, database_url: str) -> str:
    """A call with 3 held, whose process does not renew it any more."""
    call_id = f"call_{uuid4().hex}"
    await ledger.post(Entry(ADA, TransactionKind.CREDIT, 10 * UNIT, f"credit:{call_id}", "test"))
    detail: dict[str, JsonValue] = {"model": "chat", "key_hash": KEY_HASH, **rules_detail(PLAIN, RULES)}
    await ledger.hold(HoldRequest(call_id, ADA, 3 * UNIT, UNIT // 2, 1, detail))
    async with pool.connection() as connection:
        await connection.execute(SPEND_LOGS)
    over = 'SELECT bool_and(lease_expires_at < now()) FROM billing."LiteLLM_StripeHoldTable"'
    with psycopg.connect(database_url, autocommit=True) as connection:
        eventually(lambda: connection.execute(over).fetchone() == (True,))
    return call_id


async def logged(
    pool: Pool, call_id: str, cost: str, group: str, deployment_id: str, cache_hit: str = "False"
) -> None:
    labels = json.dumps({"spend_logs_metadata": {"billing_call_id": call_id}})
    async with pool.connection() as connection:
        values = (KEY_HASH, cost, "success", group, deployment_id, cache_hit, labels)
        await connection.execute(LOG, values)


async def swept(ledger: Ledger, pool: Pool) -> Transaction | None:
    assert await Sweeper(ledger, pool).sweep() == 1
    charges = [line for line in await ledger.transactions(ADA) if line.kind is TransactionKind.CHARGE]
    return charges[0] if charges else None


@pytest.mark.parametrize(
    ("group", "deployment_id", "charged_nanos", "rule"),
    [
        ("chat", "d1", UNIT + 1_000, PLAIN),
        ("spare", "d2", 5 * UNIT // 2, DEAR),
        ("new", "d9", UNIT + 1_000, PLAIN),
    ],
)
async def test_by_the_rule_of_the_deployment_that_served(
    ledger: Ledger,
    pool: Pool,
    database_url: str,
    group: str,
    deployment_id: str,
    charged_nanos: int,
    rule: PriceRule,
) -> None:
    call_id = await died(ledger, pool, database_url)
    await logged(pool, call_id, "0.5", group, deployment_id)
    charge = await swept(ledger, pool)
    assert charge is not None
    assert (-charge.amount_nanos, charge.estimate) == (charged_nanos, False)
    stored, price = charge.detail["rule"], charge.detail["price"]
    assert isinstance(stored, dict)
    assert isinstance(price, dict)
    assert (stored["id"], price["basis"], price["cost"]) == (rule.id, "spend_log", "0.5")
    assert "rules" not in charge.detail


async def test_of_which_the_log_knows_no_price_is_charged_by_the_rule_for_no_event(
    ledger: Ledger, pool: Pool, database_url: str
) -> None:
    call_id = await died(ledger, pool, database_url)
    await logged(pool, call_id, "0", "chat", "d1")
    charge = await swept(ledger, pool)
    assert charge is not None
    assert (-charge.amount_nanos, charge.estimate) == (UNIT // 2, True)
    assert [call.hold.key for call in await ledger.for_review()] == [call_id]


async def test_that_was_answered_from_the_cache_is_charged_nothing(
    ledger: Ledger, pool: Pool, database_url: str
) -> None:
    call_id = await died(ledger, pool, database_url)
    await logged(pool, call_id, "0", "chat", "d1", cache_hit="True")
    assert await swept(ledger, pool) is None
    assert (await ledger.account(ADA)).held_nanos == 0
