"""After a fault run: does every promise hold? Reads the books, and asks the product's own commands."""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from billing.database import Pool
from billing.ledger.reader import LedgerReader
from billing.ledger.schemas import UnconfirmedCall
from billing.money import nanos_from_cost
from tests.acceptance.launch import PROGRAM
from tests.faults.load import GIFT, Load
from tests.faults.witness import testimony

REVIEW_PAGE = 1000
FREE_AFTER_DISPATCH = "failed"  # no byte was delivered (docs/explanation/endings.md)
LATE_MAX_S = 60.0  # after its lease: Postgres comes back, a sweep finds it, on a machine that is overloaded
GIFT_NANOS = int(nanos_from_cost(GIFT))

HOLDS = """
SELECT h.key, b.customer_id, h.amount, h.status, h.ending, h.charged,
  coalesce((h.detail ->> 'output_tokens_limit')::integer, 0) AS output_limit,
  h.lease_expires_at, h.resolved_at, coalesce(t.charges, 0) AS charges
FROM billing."LiteLLM_StripeHoldTable" h JOIN billing."LiteLLM_StripeBalanceTable" b ON b.id = h.account_id
LEFT JOIN (
  SELECT hold_key,
    count(*) FILTER (WHERE kind = 'charge') - count(*) FILTER (WHERE kind = 'reversal') AS charges
  FROM billing."LiteLLM_StripeTransactionTable" GROUP BY hold_key
) t ON t.hold_key = h.key
ORDER BY h.id
"""
BELOW_ZERO = """
SELECT b.customer_id, b.balance, coalesce(sum(greatest(h.charged - h.amount, 0)), 0)
FROM billing."LiteLLM_StripeBalanceTable" b
LEFT JOIN billing."LiteLLM_StripeHoldTable" h ON h.account_id = b.id
GROUP BY b.id HAVING b.balance < -coalesce(sum(greatest(h.charged - h.amount, 0)), 0)
"""
GIFTS = """
SELECT b.customer_id, count(*) FROM billing."LiteLLM_StripeTransactionTable" t
JOIN billing."LiteLLM_StripeBalanceTable" b ON b.id = t.account_id
WHERE t.kind = 'credit' AND t.amount = %s AND t.description = 'gift' GROUP BY 1
"""
STILL_HELD = """
SELECT (SELECT count(*) FROM billing."LiteLLM_StripeHoldTable" WHERE status = 'open')
  + (SELECT count(*) FROM billing."LiteLLM_StripeBalanceTable" WHERE held <> 0)
"""


@dataclass(frozen=True, slots=True)
class HoldRow:
    """One hold at the end. `charges`: lines that charge it, less those that were reversed."""

    key: str
    customer_id: str
    amount: int
    status: str
    ending: str | None
    charged: int | None
    output_limit: int
    lease_expires_at: datetime
    resolved_at: datetime | None
    charges: int

    @property
    def label(self) -> str:
        """As the provider counts it."""
        return f"{self.customer_id} {self.output_limit}"


@dataclass(frozen=True, slots=True)
class Verdicts:
    """`problems` is empty where every promise held; the rest are figures for the report."""

    problems: list[str]
    admissions: int
    holds: Counter[str]
    served: int
    listed: list[UnconfirmedCall]
    late_s: float  # how long after its lease the latest forgotten hold was ended


async def still_held(pool: Pool) -> int:
    """How many holds are open and accounts hold something."""
    async with pool.connection() as connection:
        row = await (await connection.execute(STILL_HELD)).fetchone()
    return int(row[0]) if row else 0


async def judge(pool: Pool, database_url: str, load: Load, served: dict[str, int]) -> Verdicts:
    """Looks when nothing runs any more."""
    holds = await _holds(pool)
    listed = [call async for call in _listed(pool)]
    admissions, beyond = await testimony(pool)
    problems = [f"held more than there was: {one}" for one in beyond]
    problems += [f"below zero by more than was overspent: {row}" for row in await _rows(pool, BELOW_ZERO)]
    problems += [f"open at the end: {hold.key}" for hold in holds if hold.status == "open"]
    problems += [f"charged {hold.charges} times: {hold.key}" for hold in holds if hold.charges not in {0, 1}]
    problems += by_provider(holds, served)
    problems += by_clients({hold.key: hold for hold in holds}, load)
    problems += by_keys(load)
    problems += by_list(holds, listed, await _asked("review", database_url, "--limit", str(REVIEW_PAGE)))
    problems += gifts(load, {row[0]: row[1] for row in await _rows(pool, GIFTS, GIFT_NANOS)})
    proof = await _asked("verify", database_url)
    problems += [] if proof["verified"] is True else [f"the books do not agree: {proof}"]
    late = [
        (hold.resolved_at - hold.lease_expires_at).total_seconds()
        for hold in holds
        if hold.ending == "no_event" and hold.resolved_at
    ]
    late_s = max(late, default=0.0)
    problems += [f"a hold was ended {late_s:.1f} s after its lease"] if late_s > LATE_MAX_S else []
    endings = Counter(f"{hold.status} {hold.ending}" for hold in holds)
    return Verdicts(problems, admissions, endings, sum(served.values()), listed, late_s)


def by_provider(holds: list[HoldRow], served: dict[str, int]) -> Iterator[str]:
    """The provider's count of a customer's calls with one limit against the charges for them.

    More served than charged is a free call, unless it failed; more charged than served is a double charge,
    unless no success event arrived: then its input is charged by rule, and it is listed.
    """
    charged = Counter(hold.label for hold in holds if hold.charges)
    unconfirmed = Counter(hold.label for hold in holds if hold.charges and hold.ending == "no_event")
    failed = Counter(hold.label for hold in holds if not hold.charges and hold.ending == FREE_AFTER_DISPATCH)
    for label in served.keys() | charged.keys():
        times = served.get(label, 0)
        if times > charged[label] + failed[label]:
            yield f"served {times} times, charged {charged[label]} times: {label}"
        if charged[label] - unconfirmed[label] > times:
            yield f"charged {charged[label]} times, served {times} times: {label}"


def by_clients(holds: dict[str, HoldRow], load: Load) -> Iterator[str]:
    """Each call that a client saw answered against its hold."""
    for seen in load.seen:
        if seen.status != 200:
            continue
        hold = holds.get(seen.call_id or "")
        if hold is None:
            yield f"answered without a hold: {seen}"
        elif not hold.charged:
            yield f"answered for nothing: {seen}, {hold}"
        elif seen.cost_nanos not in {None, hold.charged} and hold.ending != "no_event":
            yield f"charged {hold.charged}, but it cost {seen.cost_nanos}: {seen}, {hold}"


def by_keys(load: Load) -> Iterator[str]:
    """All keys are good ones: where nobody could look, that is no reason to say otherwise."""
    yield from (f"a good key was called a bad one: {seen}" for seen in load.seen if seen.status == 401)


def by_list(holds: list[HoldRow], listed: list[UnconfirmedCall], review: dict[str, object]) -> Iterator[str]:
    """Every call without an event is on the list for review, with its charge, and nothing else is."""
    unconfirmed = {hold.key: hold.charged for hold in holds if hold.ending == "no_event"}
    if unconfirmed != {call.hold.key: call.hold.charged_nanos for call in listed}:
        yield f"{len(unconfirmed)} calls without an event, {len(listed)} listed"
    calls = review["calls"]
    assert isinstance(calls, list)
    newest = [call.hold.key for call in listed[:REVIEW_PAGE]]
    if [call["call_id"] for call in calls] != newest:
        yield f"`proxyllm review` lists {len(calls)} calls, the ledger {len(newest)}"


def gifts(load: Load, credited: dict[object, object]) -> Iterator[str]:
    for customer_id, times in load.gifts.items():
        if credited.get(customer_id, 0) != times:
            yield f"{customer_id} was given credit {times} times, and credited {credited.get(customer_id, 0)}"


async def _holds(pool: Pool) -> list[HoldRow]:
    async with pool.connection() as connection:
        cursor = connection.cursor(row_factory=class_row(HoldRow))
        return await (await cursor.execute(HOLDS)).fetchall()


async def _rows(pool: Pool, statement: str, *values: object) -> list[tuple[object, ...]]:
    async with pool.connection() as connection:
        return list(await (await connection.execute(statement.encode(), values)).fetchall())


async def _listed(pool: Pool) -> AsyncIterator[UnconfirmedCall]:
    books, before_id = LedgerReader(pool, currency="usd"), None
    while page := await books.for_review(limit=REVIEW_PAGE, before_id=before_id):
        for call in page:
            yield call
        before_id = page[-1].id


async def _asked(command: str, database_url: str, *options: str) -> dict[str, object]:
    """The answer of one of the product's commands."""
    process = await asyncio.create_subprocess_exec(
        PROGRAM,
        command,
        "--json",
        *options,
        env={**os.environ, "DATABASE_URL": database_url},
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    answer: dict[str, object] = json.loads(output or b"{}")
    return answer
