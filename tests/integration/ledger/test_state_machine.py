"""Every operation in any order, repeated and late, on real Postgres, against the oracle after each step."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from psycopg.rows import TupleRow

from billing.database import Pool, open_pool
from billing.errors import BillingError, InsufficientCredits
from billing.ledger import Ledger
from billing.ledger.schemas import Entry, HoldRequest, Payer, Settlement, TransactionKind
from tests.integration.ledger.oracle import Oracle

T = TypeVar("T")
KEYS = st.integers(0, 7)
PAYERS = st.integers(0, 2)
AMOUNTS = st.integers(1, 60)
CHARGES = st.integers(0, 80)
KINDS = st.sampled_from(
    [
        (TransactionKind.TOPUP, 1),
        (TransactionKind.CREDIT, 1),
        (TransactionKind.ADJUSTMENT, 1),
        (TransactionKind.ADJUSTMENT, -1),
        (TransactionKind.REFUND, -1),
        (TransactionKind.CHARGE, -1),
    ]
)
HOLDS = st.tuples(KEYS, PAYERS, AMOUNTS, st.integers(0, 1))
ACCOUNTS = b"""
SELECT customer_id, balance,
  (SELECT coalesce(sum(amount), 0)::bigint FROM "LiteLLM_StripeTransactionTable" WHERE account_id = b.id),
  held,
  (SELECT coalesce(sum(amount), 0)::bigint FROM "LiteLLM_StripeHoldTable"
    WHERE account_id = b.id AND status = 'open'),
  total_topups, total_spent
FROM "LiteLLM_StripeBalanceTable" b WHERE customer_id LIKE %s"""
CALLS = b"""SELECT key, status, amount, charged, ending, estimate FROM "LiteLLM_StripeHoldTable"
WHERE key LIKE %s"""
_examples = itertools.count()


class World:
    """One event loop, pool and ledger for all examples."""

    def __init__(self, url: str) -> None:
        self.loop = asyncio.new_event_loop()
        self.pool: Pool = self.run(open_pool(url, wait_s=10))
        self.ledger = Ledger(self.pool, owner="machine")

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    async def rows(self, pattern: str) -> tuple[list[TupleRow], list[TupleRow]]:
        """All accounts with their sums, and all calls, of one example."""
        async with self.pool.connection() as connection:
            accounts = await connection.execute(ACCOUNTS, (pattern,))
            calls = await connection.execute(CALLS, (pattern,))
            return await accounts.fetchall(), await calls.fetchall()

    def close(self) -> None:
        self.run(self.ledger.close())
        self.run(self.pool.close())
        self.loop.close()


class LedgerMachine(RuleBasedStateMachine):
    world: World

    @initialize()
    def begin(self) -> None:
        self.example = next(_examples)
        self.oracle = Oracle()

    def payer(self, number: int) -> Payer:
        return Payer("user_id", f"{self.example}-{number}")

    def key(self, number: int) -> str:
        return f"{self.example}-{number}"

    def agree(self, work: Coroutine[Any, Any, object], expected: BillingError | None) -> None:
        try:
            self.world.run(work)
        except BillingError as error:
            self.same_error(error, expected)
        else:
            assert expected is None

    def same_error(self, error: object, expected: BillingError | None) -> None:
        assert type(error) is type(expected), (error, expected)
        if isinstance(error, InsufficientCredits) and isinstance(expected, InsufficientCredits):
            assert error.available_nanos == expected.available_nanos
            assert error.required_nanos == expected.required_nanos

    @rule(payer=PAYERS, kind=KINDS, amount=AMOUNTS, source=st.integers(0, 15))
    def post(self, payer: int, kind: tuple[TransactionKind, int], amount: int, source: int) -> None:
        signed, source_key = kind[1] * amount, f"entry:{self.example}-{source}"
        entry = Entry(self.payer(payer), kind[0], signed, source_key, "entry")
        expected = self.oracle.post(self.payer(payer), kind[0], signed, source_key)
        self.agree(self.world.ledger.post(entry), expected)

    def request(self, hold: tuple[int, int, int, int]) -> HoldRequest:
        key, payer, amount, fallback = hold
        return HoldRequest(self.key(key), self.payer(payer), amount, fallback, 60)

    @rule(wanted=st.lists(HOLDS, min_size=1, max_size=5))
    def hold(self, wanted: list[tuple[int, int, int, int]]) -> None:
        """Several at once: they share batches and are admitted in the order of their arrival."""
        requests = [self.request(hold) for hold in wanted]
        expected = [
            self.oracle.hold(r.key, r.payer, r.amount_nanos, r.no_event_charge_nanos) for r in requests
        ]

        async def at_once() -> list[object]:
            holds = (self.world.ledger.hold(request) for request in requests)
            return list(await asyncio.gather(*holds, return_exceptions=True))

        for answer, error in zip(self.world.run(at_once()), expected, strict=True):
            if error is None:
                assert not isinstance(answer, BaseException), answer
            else:
                self.same_error(answer, error)

    @rule(key=KEYS, amount=AMOUNTS)
    def resize(self, key: int, amount: int) -> None:
        self.agree(self.world.ledger.resize(self.key(key), amount), self.oracle.resize(self.key(key), amount))

    @rule(
        key=KEYS,
        amount=CHARGES,
        estimate=st.booleans(),
        payer=st.none() | PAYERS,
        ending=st.sampled_from(["finished", "no_event"]),
    )
    def settle(self, key: int, amount: int, estimate: bool, payer: int | None, ending: str) -> None:
        who = None if payer is None else self.payer(payer)
        settlement = Settlement(self.key(key), amount, ending, "call", estimate=estimate, payer=who)
        expected = self.oracle.settle(self.key(key), amount, ending, estimate, who)
        self.agree(self.world.ledger.settle(settlement), expected)

    @rule(
        wanted=st.lists(
            st.tuples(KEYS, CHARGES, st.booleans()), min_size=2, max_size=5, unique_by=lambda one: one[0]
        )
    )
    def settle_at_once(self, wanted: list[tuple[int, int, bool]]) -> None:
        """Several share a batch, which goes another way than a single one."""
        settlements = [
            Settlement(self.key(key), amount, "finished", "call", estimate=estimate)
            for key, amount, estimate in wanted
        ]
        expected = [
            self.oracle.settle(s.key, s.amount_nanos, s.ending, s.estimate, None) for s in settlements
        ]

        async def at_once() -> list[object]:
            endings = (self.world.ledger.settle(settlement) for settlement in settlements)
            return list(await asyncio.gather(*endings, return_exceptions=True))

        for answer, error in zip(self.world.run(at_once()), expected, strict=True):
            if error is None:
                assert not isinstance(answer, BaseException), answer
            else:
                self.same_error(answer, error)

    @rule(key=KEYS)
    def release(self, key: int) -> None:
        self.agree(
            self.world.ledger.release(self.key(key), "failed"), self.oracle.release(self.key(key), "failed")
        )

    @rule(key=KEYS, amount=CHARGES)
    def expire(self, key: int, amount: int) -> None:
        expected = self.oracle.expire(self.key(key), amount, "no_event")
        self.agree(self.world.ledger.expire(self.key(key), amount, "call"), expected)

    @rule(key=KEYS)
    def the_lease_runs_out(self, key: int) -> None:
        if call := self.oracle.calls.get(self.key(key)):
            call.is_leased = False
        self.world.run(self.run_out(self.key(key)))

    async def run_out(self, key: str) -> None:
        async with self.world.pool.connection() as connection:
            await connection.execute(
                "UPDATE \"LiteLLM_StripeHoldTable\" SET lease_expires_at = now() - interval '1 s'"
                " WHERE key = %s",
                (key,),
            )

    @rule(keys=st.sets(KEYS, max_size=4))
    def renew(self, keys: set[int]) -> None:
        calls = {self.key(key): self.oracle.calls.get(self.key(key)) for key in keys}
        still_open = {key for key, call in calls.items() if call and call.status == "open"}
        assert self.world.run(self.world.ledger.renew(list(calls), 60)) == still_open
        for key in still_open:
            self.oracle.calls[key].is_leased = True

    @invariant()
    def all_rows_are_as_the_oracle_says(self) -> None:
        """Balance, sum of entries; held, sum of open holds; totals; and how each call stands."""
        accounts, calls = self.world.run(self.world.rows(f"{self.example}-%"))
        assert {payer: row for payer, *row in accounts} == {
            payer.customer_id: [of.balance, of.balance, of.held, of.held, of.topups, of.spent]
            for payer, of in self.oracle.accounts.items()
        }
        assert {key: row for key, *row in calls} == {
            key: [call.status, call.amount, call.charged, call.ending, call.estimate]
            for key, call in self.oracle.calls.items()
        }

    def teardown(self) -> None:
        assert self.world.run(self.world.ledger.verify()) == []
        due = {hold.key for hold in self.world.run(self.world.ledger.due(1000))}
        calls = self.oracle.calls.items()
        ours = {key for key, call in calls if call.status == "open" and not call.is_leased}
        assert {key for key in due if key.startswith(f"{self.example}-")} == ours
        unconfirmed = {call.hold.key for call in self.world.run(self.world.ledger.for_review(limit=1000))}
        listed = {key for key, call in calls if call.estimate and call.ending == "no_event"}
        assert {key for key in unconfirmed if key.startswith(f"{self.example}-")} == listed


@contextmanager
def world(url: str) -> Iterator[World]:
    made = World(url)
    yield made
    made.close()


@pytest.mark.timeout(240)
def test_every_history_agrees_with_the_oracle(module_database_url: str) -> None:
    with world(module_database_url) as made:
        LedgerMachine.world = made
        run_state_machine_as_test(
            LedgerMachine,
            settings=settings(
                max_examples=50,
                stateful_step_count=20,
                deadline=None,
                suppress_health_check=[HealthCheck.too_slow],
            ),
        )
