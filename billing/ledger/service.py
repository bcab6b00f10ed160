"""The ledger: the only writer of balances."""

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
    """Holds, settlements and entries, exactly once a key.

    `owner` names this process in the holds it admits; `currency` is that of new accounts. Used as an async
    context manager, or closed with `close`. Any number of ledgers may work on one database.

    All methods raise LedgerUnavailable if Postgres does not answer in time (the operation may have been done:
    the same call with the same key tells), holds and endings also LedgerBusy if too many wait.
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
        """Finishes what is under way, releases what nobody waits for any more, closes its connections."""
        await self._committer.close()
        await self._abandoned.close()
        await self._link.close()

    @property
    def waiting(self) -> int:
        """How many operations wait for the next batch."""
        return self._committer.waiting

    async def hold(self, request: HoldRequest) -> Hold:
        """Sets money aside for a call, or answers as before if this key was admitted before.

        Raises InsufficientCredits (available and required in nanos), KeyConflict for the same key with other
        content, InvalidAmount and BadRequest for what could never be held. A repeat returns the hold as it
        stands: look at its status. If the caller is cancelled, or is told that the ledger is unavailable, the
        hold is released and its key used up: try again with another.
        """
        check_hold(request)
        if request.key in self._abandoned:
            raise LedgerUnavailable("This hold was given up and is being released; ask with a new key.")
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
        """Makes an open hold set aside `amount_nanos` in all.

        `no_event_charge_nanos`: what the call has cost so far, charged if no event of it ever comes; it only
        rises, and stands even where the amount is refused, up to what is set aside.

        Raises InsufficientCredits (available counts what the hold has already), InvalidAmount below what the
        call costs at least, KeyConflict if the call has ended, NotFound.
        """
        if not 0 < amount_nanos <= NANOS_MAX:
            raise InvalidAmount("A hold must be more than zero.")
        async with self.connection() as connection:
            row = await (
                await connection.execute(SQL["resize"], (key, amount_nanos, no_event_charge_nanos))
            ).fetchone()
        verdict, available_nanos = row or ("unknown", 0)
        match verdict:
            case "refused":
                raise insufficient(available_nanos, amount_nanos)
            case "below_fallback":
                raise InvalidAmount("A hold cannot be smaller than what its call costs at least.")
            case "ended":
                raise KeyConflict(f"The call {key} has ended.")
        return await self.hold_of(key)

    async def renew(self, keys: Collection[str], lease_s: int) -> frozenset[str]:
        """Gives these holds a lease of `lease_s` seconds from now; returns the keys that are still open."""
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
        """Ends a call with what it cost and frees its hold. See Settlement for repeats and late costs.

        It is carried out even if the caller is cancelled meanwhile, where the call has a hold and Postgres
        answers in time. Raises InvalidAmount, KeyConflict, and NotFound for a call without hold and payer.
        """
        return await self._end(_settling(settlement))

    async def release(self, key: str, ending: str) -> Resolution:
        """Ends a call that costs nothing. If it had ended before, returns how. Raises NotFound."""
        return await self._end(PreparedEnding(key, "release", 0, sanitize_text(ending)))

    async def expire(
        self,
        key: str,
        charge_nanos: int,
        description: str,
        detail: Json | None = None,
        ending: str = Ending.NO_EVENT,
    ) -> Resolution:
        """Ends an open hold whose lease is over with a charge by rule, an estimate that a real cost replaces.

        While the lease runs, or if the call has ended, changes nothing and returns how it stands. Raises
        InvalidAmount, NotFound.
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
        """Settles a call that holds nothing any more, in the caller's transaction."""
        return await self._end_unheld_in(connection, _settling(settlement), payer)

    async def _locked_available_in(self, connection: Connection, payer: Payer) -> int:
        """What the payer has available; nobody changes it until the caller's transaction ends."""
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
        """Afterwards, so that neither its time nor a fault of its can come between callers and verdicts."""
        if self._observer is not None:
            took_s = time.perf_counter() - began
            asyncio.get_running_loop().call_soon(self._observer.batch, requests, answers, took_s)

    def _abandon(self, request: Request, answer: Answer | None) -> None:
        """Nobody waits for this request, and it may have been carried out."""
        if isinstance(request, PreparedEnding):
            return  # an ending is carried out for its own sake
        if isinstance(answer, KnownHold) and not answer.is_ours:
            return  # a repeat: the hold belongs to whoever asked first
        self._abandoned.add(request.key, request.request.payer)

    async def _release_abandoned(self, key: str, payer: Payer) -> None:
        """Leaves a released record where Postgres may still be about to write the hold."""
        account = await self.account(payer)
        if account.id is not None:  # without one nothing was or will be admitted
            await self._end_unheld(PreparedEnding(key, "release", 0, Ending.ABANDONED), payer)

    async def post(self, entry: Entry) -> Transaction:
        """Writes money that moves without a hold, once a `source_key`; creates the account if it is new.

        A repeat returns the first transaction. Raises KeyConflict for a repeat with another payer, kind,
        amount, Stripe object or hold, and InvalidAmount for zero, a wrong sign, or a balance beyond BIGINT.
        """
        async with self.connection() as connection, connection.transaction():
            return await self.post_in(connection, entry)

    async def post_in(self, connection: Connection, entry: Entry) -> Transaction:
        """The same inside the caller's transaction, which it neither commits nor rolls back.

        The account's row stays locked until that transaction ends: keep it short, and post for several payers
        in order of their accounts.
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
            raise KeyConflict(f"The entry {entry.source_key} was posted before with other content.")
        row = await (await connection.execute(SQL["transaction_by_id"], (row[1],))).fetchone()
        assert row is not None  # entries are never deleted
        return transaction_from(row)

    async def ensure_account_in(
        self, connection: Connection, payer: Payer, currency: str | None = None
    ) -> int:
        """The row id of the payer's account, created with zeros if it is new, in the caller's transaction."""
        values = (payer.customer_type, payer.customer_id, currency or self._currency)
        row = await (await connection.execute(SQL["ensure_account"], values)).fetchone()
        assert row is not None  # a function always returns a row
        return int(row[0])

    async def purge(self, older_than_days: int, limit: int = 1000) -> int:
        """Deletes up to `limit` settled or released holds that ended `older_than_days` ago; returns how many.

        Their charges stay in the books. Expired holds stay too: they are the list for review.
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
