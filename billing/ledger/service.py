"""The ledger: the only code that writes balances."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from types import TracebackType
from typing import Self

import psycopg

from billing.database import Connection, Pool
from billing.errors import InvalidAmount, KeyConflict, LedgerUnavailable, NotFound
from billing.ledger import batches
from billing.ledger.abandoned_holds import AbandonedHolds
from billing.ledger.batches import (
    SQL,
    Answer,
    KnownHold,
    PreparedEnding,
    PreparedHold,
    Request,
    insufficient,
    one_by_one,
)
from billing.ledger.checks import check_charge, check_entry, check_hold, check_key
from billing.ledger.commit_batch import SINGLE_STATEMENTS, PayerMemory, commit_batch, send_single
from billing.ledger.connection import LedgerConnection, to_billing_error
from billing.ledger.endings import Ending
from billing.ledger.group_commit import GroupCommitter
from billing.ledger.observer import LedgerObserver
from billing.ledger.reader import LedgerReader, bounded
from billing.ledger.rows import json_text, sanitize_text, transaction_from
from billing.ledger.schemas import (
    Entry,
    Hold,
    HoldRequest,
    Json,
    LedgerLimits,
    Payer,
    Resolution,
    Settlement,
    Transaction,
)
from billing.money import NANOS_MAX


class Ledger(LedgerReader):
    """Creates holds, settlements and entries, each exactly once per key.

    `owner` names this process in its holds; `currency` is that of new accounts. Use it as an async context
    manager, or call `close`. Any number of ledgers may work on one database.

    All methods raise LedgerUnavailable if Postgres does not answer in time (the operation may have been
    executed: repeat the call with the same key to find out). Holds and endings also raise LedgerBusy if too
    many operations are waiting.
    """

    def __init__(
        self,
        pool: Pool,
        *,
        owner: str,
        currency: str = "usd",
        limits: LedgerLimits | None = None,
        observer: LedgerObserver | None = None,
    ) -> None:
        super().__init__(pool, currency=currency)
        limits = limits or LedgerLimits()
        self._owner = owner
        self._link = LedgerConnection(pool, limits.wait_s, SINGLE_STATEMENTS)
        self._committer: GroupCommitter[Request, Answer] = GroupCommitter(
            self._send,
            queue_max=limits.queue_max,
            batch_max=limits.batch_max,
            wait_s=limits.wait_s,
            send_single=self._send_single,
            may_drop=lambda request: isinstance(request, PreparedHold),
            abandoned=self._abandon,
        )
        self._observer = observer
        self._memory = PayerMemory(limits.payers_remembered)
        self._abandoned = AbandonedHolds(self._release_abandoned, limits)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Finishes what is in progress, releases abandoned holds, closes the connections."""
        await self._committer.close()
        await self._abandoned.close()
        await self._link.close()

    @property
    def waiting(self) -> int:
        """The number of operations waiting for the next batch."""
        return self._committer.waiting

    async def hold(self, request: HoldRequest) -> Hold:
        """Reserves money for a call; if the key was admitted before, returns that hold.

        Raises InsufficientCredits (available and required in nanos), KeyConflict for the same key with
        different content, InvalidAmount and BadRequest for invalid requests. A repeat returns the hold in its
        current state: check its status. If the caller is cancelled, or is told that the ledger is
        unavailable, the hold is released and its key is used up: retry with another key.
        """
        check_hold(request)
        if request.key in self._abandoned:
            raise LedgerUnavailable("This hold was given up and is being released; retry with a new key.")
        ask = PreparedHold(request.key, request, json_text(request.detail))
        answer = await self._committer.submit(ask)
        if isinstance(answer, Hold):
            return answer
        try:
            return await self.hold_of(answer.key)
        except (asyncio.CancelledError, LedgerUnavailable):
            self._abandon(ask, answer)
            raise

    async def resize(self, key: str, amount_nanos: int, no_event_charge_nanos: int = 0) -> Hold:
        """Changes the amount of an open hold to `amount_nanos`.

        `no_event_charge_nanos`: what the call has cost so far, charged if no event of it ever arrives. It
        only rises, and applies even if the amount is refused, up to the amount of the hold.

        Raises InsufficientCredits (available includes what the hold already has), InvalidAmount below the
        call's minimum cost, KeyConflict if the call has ended, NotFound.
        """
        if not 0 < amount_nanos <= NANOS_MAX:
            raise InvalidAmount("A hold must be above zero.")
        async with self.connection() as connection:
            row = await (
                await connection.execute(SQL["resize"], (key, amount_nanos, no_event_charge_nanos))
            ).fetchone()
        verdict, available_nanos = row or ("unknown", 0)
        match verdict:
            case "refused":
                raise insufficient(available_nanos, amount_nanos)
            case "below_fallback":
                raise InvalidAmount("A hold cannot be smaller than the minimum cost of its call.")
            case "ended":
                raise KeyConflict(f"The call {key} has ended.")
        return await self.hold_of(key)

    async def renew(self, keys: Collection[str], lease_s: int) -> frozenset[str]:
        """Renews the leases of these holds for `lease_s` seconds; returns the keys that are still open."""
        if not keys:
            return frozenset()
        wanted = list(keys)
        async with self.connection() as connection:
            cursor = await connection.execute(SQL["renew"], {"keys": wanted, "lease_s": lease_s})
            renewed = {row[0] for row in await cursor.fetchall()}
            for key in (key for key in wanted if key not in renewed):
                cursor = await connection.execute(SQL["renew_one"], {"key": key, "lease_s": lease_s})
                renewed.update(row[0] for row in await cursor.fetchall())
        return frozenset(renewed)

    async def settle(self, settlement: Settlement) -> Resolution:
        """Ends a call at its cost and frees its hold. See Settlement for repeats and late costs.

        Runs to completion even if the caller is cancelled, provided that the call has a hold and Postgres
        answers in time. Raises InvalidAmount, KeyConflict, and NotFound for a call without hold and payer.
        """
        return await self._end(_settling(settlement))

    async def release(self, key: str, ending: str) -> Resolution:
        """Ends a call at no cost. If it had already ended, returns how. Raises NotFound."""
        return await self._end(PreparedEnding(key, "release", 0, sanitize_text(ending)))

    async def expire(
        self,
        key: str,
        charge_nanos: int,
        description: str,
        detail: Json | None = None,
        ending: str = Ending.NO_EVENT,
    ) -> Resolution:
        """Ends a hold with an expired lease and charges by rule, an estimate that a real cost replaces.

        If the lease is still running or the call has ended, changes nothing and returns the current state.
        Raises InvalidAmount, NotFound.
        """
        check_charge(charge_nanos)
        return await self._end(
            PreparedEnding(
                key,
                "expire",
                charge_nanos,
                sanitize_text(ending),
                sanitize_text(description),
                estimate=True,
                detail_text=json_text(detail or {}),
            )
        )

    async def _end(self, request: PreparedEnding) -> Resolution:
        check_key(request.key)
        try:
            answer = await self._committer.submit(request)
        except NotFound:
            if request.payer is None:
                raise
        else:
            assert isinstance(answer, Resolution)
            return answer
        return await self._end_unheld(request, request.payer)

    async def _end_unheld(self, request: PreparedEnding, payer: Payer) -> Resolution:
        async with self.connection() as connection, connection.transaction():
            return await self._end_unheld_in(connection, request, payer)

    async def _end_unheld_in(
        self, connection: Connection, request: PreparedEnding, payer: Payer
    ) -> Resolution:
        await connection.execute(
            SQL["adopt_call"],
            (request.key, payer.customer_type, payer.customer_id, self._currency, self._owner),
        )
        cursor = connection.cursor(binary=True)
        await cursor.execute(SQL["resolve_batch"], batches.ending_arrays([request]))
        rows = await cursor.fetchall()
        answer = batches.resolution_from(request, rows[0])
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def _end_late_in(self, connection: Connection, settlement: Settlement, payer: Payer) -> Resolution:
        """Settles a call without an open hold, in the caller's transaction."""
        return await self._end_unheld_in(connection, _settling(settlement), payer)

    async def _locked_available_in(self, connection: Connection, payer: Payer) -> int:
        """Locks the payer's account until the caller's transaction ends; returns what is available."""
        account_id = await self.ensure_account_in(connection, payer)
        row = await (await connection.execute(SQL["available_locked"], (account_id,))).fetchone()
        assert row is not None  # accounts are never deleted
        return int(row[0])

    async def _send(self, requests: Sequence[Request]) -> list[Answer | Exception]:
        breaks = self._link.breaks

        async def send(items: Sequence[Request]) -> list[Answer | Exception]:
            return await commit_batch(self._link, self._owner, self._memory, items, breaks)

        began = time.perf_counter()
        answers = await one_by_one(send, requests)
        self._observe(requests, answers, began)
        return answers

    def _send_single(self, request: Request, landed: Callable[[Answer | Exception | None], None]) -> bool:
        began = time.perf_counter()

        def observed(answer: Answer | Exception | None) -> None:
            if answer is not None:
                self._observe([request], [answer], began)
            landed(answer)

        return send_single(self._link, self._owner, self._memory, request, observed)

    def _observe(
        self, requests: Sequence[Request], answers: Sequence[Answer | Exception], began: float
    ) -> None:
        """Notifies the observer last, so that neither its time nor its errors affect callers."""
        if self._observer is not None:
            took_s = time.perf_counter() - began
            asyncio.get_running_loop().call_soon(self._observer.batch, requests, answers, took_s)

    def _abandon(self, request: Request, answer: Answer | None) -> None:
        """Handles a request whose caller is gone and that may have been executed."""
        if isinstance(request, PreparedEnding):
            return  # endings are always executed
        if isinstance(answer, KnownHold) and not answer.is_ours:
            return  # a repeat: the hold belongs to the first request
        self._abandoned.add(request.key, request.request.payer)

    async def _release_abandoned(self, key: str, payer: Payer) -> None:
        """Releases the hold; writes a released record if Postgres may still be about to write the hold."""
        account = await self.account(payer)
        if account.id is not None:  # without an account nothing was or will be admitted
            await self._end_unheld(PreparedEnding(key, "release", 0, Ending.ABANDONED), payer)

    async def post(self, entry: Entry) -> Transaction:
        """Posts an entry exactly once per `source_key`; creates the account if it is new.

        A repeat returns the first transaction. Raises KeyConflict for a repeat with another payer, kind,
        amount, Stripe object or hold, and InvalidAmount for zero, a wrong sign, or a balance beyond BIGINT.
        """
        async with self.connection() as connection, connection.transaction():
            return await self.post_in(connection, entry)

    async def post_in(self, connection: Connection, entry: Entry) -> Transaction:
        """Like `post`, inside the caller's transaction, which it neither commits nor rolls back.

        The account's row stays locked until that transaction ends: keep it short, and post for several payers
        in the order of their account ids.
        """
        check_entry(entry)
        values = (
            entry.payer.customer_type, entry.payer.customer_id, self._currency, entry.kind.value,
            entry.amount_nanos, entry.source_key, entry.hold_key, entry.stripe_object_id, entry.estimate,
            sanitize_text(entry.description), json_text(entry.detail),
        )  # fmt: skip
        try:
            row = await (await connection.execute(SQL["post_entry"], values)).fetchone()
        except psycopg.errors.NumericValueOutOfRange as error:
            raise to_billing_error(error) from error
        if row is None or row[0] == "conflict":
            raise KeyConflict(f"The entry {entry.source_key} was already posted with different content.")
        row = await (await connection.execute(SQL["transaction_by_id"], (row[1],))).fetchone()
        assert row is not None  # entries are never deleted
        return transaction_from(row)

    async def ensure_account_in(
        self, connection: Connection, payer: Payer, currency: str | None = None
    ) -> int:
        """Returns the id of the payer's account, creating it if needed, in the caller's transaction."""
        values = (payer.customer_type, payer.customer_id, currency or self._currency)
        row = await (await connection.execute(SQL["ensure_account"], values)).fetchone()
        assert row is not None  # a function always returns a row
        return int(row[0])

    async def purge(self, older_than_days: int, limit: int = 1000) -> int:
        """Deletes up to `limit` holds settled or released over `older_than_days` ago; returns the count.

        Their charges stay in the books. Expired holds stay too: they are listed for review.
        """
        async with self.connection() as connection:
            values = {"days": max(1, older_than_days), "limit": bounded(limit, 10_000)}
            return (await connection.execute(SQL["holds_purge"], values)).rowcount


def _settling(settlement: Settlement) -> PreparedEnding:
    """Raises InvalidAmount."""
    check_charge(settlement.amount_nanos)
    return PreparedEnding(
        key=settlement.key,
        action="settle",
        amount_nanos=settlement.amount_nanos,
        ending=sanitize_text(settlement.ending),
        description=sanitize_text(settlement.description),
        estimate=settlement.estimate,
        detail_text=json_text(settlement.detail),
        payer=settlement.payer,
    )
