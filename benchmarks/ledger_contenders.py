"""Three ways to write a hold and its settlement, the same rows: our ledger, a naive one, and the floor."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from psycopg_pool import AsyncConnectionPool

from billing.database import Pool, open_additional_connection
from billing.ledger import Ledger
from billing.ledger.rows import json_text, number_array, text_array
from billing.ledger.schemas import Entry, HoldRequest, Json, LedgerLimits, Payer, Settlement, TransactionKind

HOLD_NANOS = 1_000
CHARGE_NANOS = 700
DESCRIPTION = "demo-chat"
HOLD_DETAIL: Json = {"model": "demo-chat", "route": "/v1/chat/completions", "output_limit": 1024}
CHARGE_DETAIL: Json = {
    "model": "demo-chat", "key": "sk-...3Fw9", "prompt_tokens": 1200, "completion_tokens": 300,
    "input_price": "0.00000015", "output_price": "0.0000006", "provider_cost": "0.00036",
    "rule": {"multiplier": "1.2", "floor": "0"},
}  # fmt: skip
NAIVE_CONNECTIONS = 16

_keys = itertools.count()


@dataclass(frozen=True, slots=True)
class Run:
    """One contender in one cell: how many pairs in how many seconds, and how many were lost on the way."""

    pairs: int
    seconds: float
    lost_pairs: int = 0

    @property
    def pairs_per_s(self) -> float:
        return self.pairs / self.seconds


Contender = Callable[[Pool, int, int, float], Awaitable[Run]]


def _key() -> str:
    return f"call_{time.time_ns():x}{next(_keys):06x}"


def payer(number: int) -> Payer:
    """The account that the `number`-th pair is paid from, the same in all contenders."""
    return Payer("user_id", f"user-{number}")


async def fill(pool: Pool, accounts: int) -> None:
    """Gives each account more than any run can spend."""
    async with Ledger(pool, owner="bench") as ledger:
        for number in range(accounts):
            await ledger.post(
                Entry(payer(number), TransactionKind.TOPUP, 10**15, f"topup:{number}", "Top-up")
            )


async def _race(callers: int, seconds: float, pair: Callable[[int], Awaitable[None]]) -> tuple[int, float]:
    """Lets `callers` do one pair after the other for some seconds."""
    started = time.perf_counter()
    done = 0

    async def call(number: int) -> None:
        nonlocal done
        for step in itertools.count():
            if time.perf_counter() - started > seconds:
                return
            await pair(number + step * callers)
            done += 1

    await asyncio.gather(*(call(number) for number in range(callers)))
    return done, time.perf_counter() - started


async def _spent_pairs(pool: Pool) -> int:
    async with pool.connection() as connection:
        cursor = await connection.execute(
            'SELECT (sum(total_topups) - sum(balance))::bigint FROM billing."LiteLLM_StripeBalanceTable"'
        )
        row = await cursor.fetchone()
    return int(row[0]) // CHARGE_NANOS if row else 0


async def ledger(pool: Pool, callers: int, accounts: int, seconds: float) -> Run:
    """The product's ledger, as the gateway calls it. Proves its books afterwards."""
    async with Ledger(pool, owner="bench") as books:

        async def pair(number: int) -> None:
            key = _key()
            await books.hold(
                HoldRequest(key, payer(number % accounts), HOLD_NANOS, 100, 60, detail=HOLD_DETAIL)
            )
            await books.settle(Settlement(key, CHARGE_NANOS, "finished", DESCRIPTION, detail=CHARGE_DETAIL))

        done, took = await _race(callers, seconds, pair)
        if discrepancies := await books.verify():
            raise AssertionError(f"the books do not agree: {discrepancies}")
    return Run(done, took, done - await _spent_pairs(pool))


async def naive(pool: Pool, callers: int, accounts: int, seconds: float) -> Run:
    """Read the balance, compute in the program, write it back: the way most do it, same rows, same schema."""
    workers: Pool = AsyncConnectionPool(
        pool.conninfo, kwargs=pool.kwargs, min_size=NAIVE_CONNECTIONS, max_size=NAIVE_CONNECTIONS, open=False,
        timeout=60,
    )  # fmt: skip
    async with workers:

        async def pair(number: int) -> None:
            key = _key()
            account, held = await _naive_hold(workers, key, f"user-{number % accounts}")
            if held:
                await _naive_settle(workers, key, account)

        done, took = await _race(callers, seconds, pair)
    return Run(done, took, done - await _spent_pairs(pool))


async def _naive_hold(workers: Pool, key: str, customer_id: str) -> tuple[int, bool]:
    async with workers.connection() as connection:
        cursor = await connection.execute(
            'SELECT id, balance, held FROM "LiteLLM_StripeBalanceTable"'
            " WHERE customer_type = 'user_id' AND customer_id = %s",
            (customer_id,),
        )
        account, balance, held = await cursor.fetchone() or (0, 0, 0)
        if balance - held < HOLD_NANOS:
            return account, False
        await connection.execute(
            'UPDATE "LiteLLM_StripeBalanceTable" SET held = %s, updated_at = now() WHERE id = %s',
            (held + HOLD_NANOS, account),
        )
        await connection.execute(
            'INSERT INTO "LiteLLM_StripeHoldTable" (key, account_id, requested, amount, fallback_charge,'
            " detail, owner, lease_expires_at) VALUES (%s, %s, %s, %s, 100, %s::jsonb, 'bench',"
            " now() + interval '60 s')",
            (key, account, HOLD_NANOS, HOLD_NANOS, json_text(HOLD_DETAIL)),
        )
        return account, True


async def _naive_settle(workers: Pool, key: str, account: int) -> None:
    async with workers.connection() as connection:
        cursor = await connection.execute(
            'SELECT balance, held, total_spent FROM "LiteLLM_StripeBalanceTable" WHERE id = %s', (account,)
        )
        balance, held, spent = await cursor.fetchone() or (0, 0, 0)
        balance -= CHARGE_NANOS
        await connection.execute(
            "UPDATE \"LiteLLM_StripeHoldTable\" SET status = 'settled', ending = 'finished', charged = %s,"
            " estimate = false, resolved_at = now() WHERE key = %s AND status = 'open'",
            (CHARGE_NANOS, key),
        )
        await connection.execute(
            'INSERT INTO "LiteLLM_StripeTransactionTable" (account_id, kind, amount, balance_after,'
            " source_key, hold_key, description, detail)"
            " VALUES (%s, 'charge', %s, %s, %s, %s, %s, %s::jsonb)",
            (account, -CHARGE_NANOS, balance, f"charge:{key}", key, DESCRIPTION, json_text(CHARGE_DETAIL)),
        )
        await connection.execute(
            'UPDATE "LiteLLM_StripeBalanceTable" SET balance = %s, held = %s, total_spent = %s,'
            " updated_at = now() WHERE id = %s",
            (balance, max(0, held - HOLD_NANOS), spent + CHARGE_NANOS, account),
        )


async def floor(pool: Pool, callers: int, accounts: int, seconds: float) -> Run:
    """No ledger at all: the same hold and transaction rows, inserted in batches as large as the ledger's.

    As in the ledger one connection commits, half of the callers wait for a hold and half for a settlement, so
    a statement inserts half of them of each kind; a single caller's two rows are two statements. Nothing is
    locked, looked up, decided or updated, and nobody waits for an answer of their own.
    """
    ids = await _account_ids(pool)
    batch = max(1, min(callers, LedgerLimits().batch_max) // 2)
    pairs = 0
    started = time.perf_counter()
    async with await open_additional_connection(pool) as connection:
        while time.perf_counter() - started < seconds:
            keys = [_key() for _ in range(batch)]
            owners = [ids[(pairs + number) % accounts] for number in range(batch)]
            holds, lines = _hold_parameters(keys, owners), _line_parameters(keys, owners)
            if callers == 1:
                await connection.execute(_INSERT_HOLDS, holds, prepare=True)
                await connection.execute(_INSERT_LINES, lines, prepare=True)
            else:
                await connection.execute(_INSERT_BOTH, (*holds, *lines), prepare=True)
            pairs += batch
    return Run(pairs, time.perf_counter() - started)


async def _account_ids(pool: Pool) -> list[int]:
    async with pool.connection() as connection:
        cursor = await connection.execute('SELECT id FROM "LiteLLM_StripeBalanceTable" ORDER BY id')
        return [row[0] for row in await cursor.fetchall()]


_INSERT_HOLDS = b"""
INSERT INTO "LiteLLM_StripeHoldTable" (key, account_id, requested, amount, fallback_charge, detail, owner,
  lease_expires_at, created_at)
SELECT key, account_id, amount, amount, fallback, detail::jsonb, 'bench', now() + interval '60 s', now()
FROM unnest(string_to_array(%s, E'\\x1f'), %s::bigint[], %s::bigint[], %s::bigint[],
    string_to_array(%s, E'\\x1f'))
  AS i(key, account_id, amount, fallback, detail)"""

_INSERT_LINES = b"""
INSERT INTO "LiteLLM_StripeTransactionTable" (account_id, kind, amount, balance_after, source_key, hold_key,
  estimate, description, detail, created_at)
SELECT account_id, 'charge', amount, amount, 'charge:' || key, key, false, description, detail::jsonb, now()
FROM unnest(string_to_array(%s, E'\\x1f'), %s::bigint[], %s::bigint[], string_to_array(%s, E'\\x1f'),
    string_to_array(%s, E'\\x1f'))
  AS i(key, account_id, amount, description, detail)"""

_INSERT_BOTH = b"WITH holds AS (" + _INSERT_HOLDS + b")" + _INSERT_LINES


def _hold_parameters(keys: list[str], accounts: list[int]) -> tuple[object, ...]:
    return (
        text_array(keys),
        number_array(accounts),
        number_array([HOLD_NANOS for _ in keys]),
        number_array([100 for _ in keys]),
        text_array([json_text(HOLD_DETAIL) for _ in keys]),
    )


def _line_parameters(keys: list[str], accounts: list[int]) -> tuple[object, ...]:
    return (
        text_array(keys),
        number_array(accounts),
        number_array([-CHARGE_NANOS for _ in keys]),
        text_array([DESCRIPTION for _ in keys]),
        text_array([json_text(CHARGE_DETAIL) for _ in keys]),
    )


CONTENDERS: dict[str, Contender] = {"ledger": ledger, "naive": naive, "floor": floor}
