"""Does a long history make an account slow? Holds and settlements with 10² to 10⁶ earlier calls on it.

Each history is a database of its own, made by SQL: as many settled holds and charges, in one unbroken chain.
One caller, in turns, one pair on each, so that all see the same weather.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from benchmarks.ledger_contenders import CHARGE_DETAIL, HOLD_DETAIL, fill, payer
from benchmarks.tables import Measured, Row, spread
from billing.database import Pool, migrate, open_pool
from billing.ledger import Ledger
from billing.ledger.rows import json_text
from billing.ledger.schemas import HoldRequest, Settlement
from tests.postgres_server import PostgresServer

HOLD_NANOS, CHARGE_NANOS = 1_000, 700
WARM_UP = 200
FILL_HOLDS = """
INSERT INTO billing."LiteLLM_StripeHoldTable" (key, account_id, requested, amount, fallback_charge, status,
  ending, charged, estimate, detail, owner, lease_expires_at, created_at, resolved_at)
SELECT 'past-' || n, 1, 1000, 1000, 100, 'settled', 'finished', 700, false, %s::jsonb, 'past', now(), now(),
  now()
FROM generate_series(1, %s) n"""
FILL_LINES = """
INSERT INTO billing."LiteLLM_StripeTransactionTable" (account_id, kind, amount, balance_after, source_key,
  hold_key, description, detail)
SELECT 1, 'charge', -700, b.balance - 700 * n, 'charge:past-' || n, 'past-' || n, 'demo-chat', %s::jsonb
FROM generate_series(1, %s) n, billing."LiteLLM_StripeBalanceTable" b WHERE b.id = 1 ORDER BY n"""
CHARGE_ALL = """
UPDATE billing."LiteLLM_StripeBalanceTable" SET balance = balance - 700 * %s, total_spent = 700 * %s
WHERE id = 1"""


@dataclass(slots=True)
class Account:
    """One history, and the times of what was done on top of it, in milliseconds."""

    ledger: Ledger
    holds_ms: list[float] = field(default_factory=list)
    settlements_ms: list[float] = field(default_factory=list)
    pages_ms: list[float] = field(default_factory=list)

    def forget(self) -> None:
        """Drops the times so far."""
        for times in (self.holds_ms, self.settlements_ms, self.pages_ms):
            times.clear()

    async def pair(self, key: str) -> None:
        """One hold, its settlement, and the customer's newest page of transactions."""
        request = HoldRequest(key, payer(0), HOLD_NANOS, 100, 60, detail=HOLD_DETAIL)
        settlement = Settlement(key, CHARGE_NANOS, "finished", "demo-chat", detail=CHARGE_DETAIL)
        self.holds_ms.append(await _timed(self.ledger.hold(request)))
        self.settlements_ms.append(await _timed(self.ledger.settle(settlement)))
        self.pages_ms.append(await _timed(self.ledger.transactions(payer(0))))


async def _timed(work: Awaitable[object]) -> float:
    began = time.perf_counter()
    await work
    return (time.perf_counter() - began) * 1000


async def measure(server: PostgresServer, histories: tuple[int, ...], rounds: int, pairs: int) -> Measured:
    """`rounds` of `pairs` on each history. Proves all books at the end."""
    rows: list[Row] = []
    async with AsyncExitStack() as stack:
        accounts = {past: await _account(stack, server, past) for past in histories}
        for turn in range(WARM_UP):
            for account in accounts.values():
                await account.pair(f"warm-{turn}")
        for number in range(rounds):
            for account in accounts.values():
                account.forget()
            for turn in range(pairs):
                for account in accounts.values():
                    await account.pair(f"call-{number}-{turn}")
            rows += [_row(past, number, account) for past, account in accounts.items()]
            print(f"round {number + 1}: {rows[-len(accounts) :]}", file=sys.stderr)
        for account in accounts.values():
            if discrepancies := await account.ledger.verify():
                raise AssertionError(f"the books do not agree: {discrepancies}")
    return Measured(_summary(rows, histories, rounds, pairs), rows)


async def _account(stack: AsyncExitStack, server: PostgresServer, past: int) -> Account:
    url = server.create_database()
    await migrate(url)
    pool = await open_pool(url, wait_s=30)
    stack.push_async_callback(pool.close)
    await fill(pool, 1)
    await _fill_history(pool, past)
    return Account(await stack.enter_async_context(Ledger(pool, owner="bench")))


async def _fill_history(pool: Pool, past: int) -> None:
    async with pool.connection() as connection:
        await connection.execute("SET statement_timeout = 0")
        await connection.execute(FILL_HOLDS, (json_text(HOLD_DETAIL), past))
        await connection.execute(FILL_LINES, (json_text(CHARGE_DETAIL), past))
        await connection.execute(CHARGE_ALL, (past, past))
        await connection.execute("VACUUM ANALYZE")
        await connection.execute("CHECKPOINT")


def _row(past: int, number: int, account: Account) -> Row:
    row: Row = {"earlier_transactions": past, "round": number}
    for name, times in (
        ("hold", account.holds_ms),
        ("settle", account.settlements_ms),
        ("page", account.pages_ms),
    ):
        row[f"{name}_p50_ms"] = round(statistics.median(times), 4)
        row[f"{name}_p95_ms"] = round(statistics.quantiles(times, n=20)[-1], 4)
    return row


def _summary(rows: list[Row], histories: tuple[int, ...], rounds: int, pairs: int) -> dict[str, object]:
    def of(past: int, name: str) -> list[float]:
        return [float(row[name]) for row in rows if row["earlier_transactions"] == past]

    names = ("hold_p50_ms", "settle_p50_ms", "page_p50_ms", "hold_p95_ms")
    shortest = histories[0]
    return {
        "rounds": rounds,
        "pairs_each": pairs,
        "histories": {str(past): {name: spread(of(past, name)) for name in names} for past in histories},
        f"over_{shortest}": {
            str(past): {
                name: spread([a / b for a, b in zip(of(past, name), of(shortest, name), strict=True)])
                for name in names
            }
            for past in histories[1:]
        },
    }
