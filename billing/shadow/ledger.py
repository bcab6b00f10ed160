"""Replaces the ledger in shadow mode: decides by the same balances, but moves no money."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

from billing.database import Pool
from billing.errors import BillingError, InsufficientCredits, NotFound, Unavailable
from billing.ledger.batches import insufficient
from billing.ledger.endings import Ending
from billing.ledger.group_commit import GroupCommitter
from billing.ledger.reader import LedgerReader
from billing.ledger.rows import json_text, sanitize_text
from billing.ledger.schemas import (
    Entry,
    Hold,
    HoldRequest,
    HoldStatus,
    Json,
    Payer,
    Resolution,
    Settlement,
)
from billing.shadow.recorder import SQL, Note, Recorder

OPEN_MAX = 100_000
_QUEUE_MAX = 10_000
_BATCH_MAX = 256


@dataclass(frozen=True, slots=True)
class _Ask:
    """A balance look-up; many are sent together."""

    key: str
    payer: Payer


@dataclass(slots=True)
class OpenCall:
    """A running call. `refused`: enforcing mode would have refused it."""

    payer: Payer
    held_nanos: int
    no_event_charge_nanos: int
    detail: Json
    refused: bool
    lease_until: float


class ShadowLedger(LedgerReader):
    """A `CallLedger`. Balances are read; holds and spending are this mode's own account.

    Only a customer's running calls in this process count.
    """

    def __init__(self, pool: Pool, recorder: Recorder, *, currency: str, wait_s: float = 5.0) -> None:
        super().__init__(pool, currency=currency)
        self._recorder = recorder
        self._open: dict[str, OpenCall] = {}
        self._held: dict[Payer, int] = defaultdict(int)
        self._asked = 0
        self._committer: GroupCommitter[_Ask, int] = GroupCommitter(
            self._read, queue_max=_QUEUE_MAX, batch_max=_BATCH_MAX, wait_s=wait_s, may_drop=lambda ask: True
        )

    def __len__(self) -> int:
        return len(self._open)

    async def hold(self, request: HoldRequest) -> Hold:
        """Records what would be held. Raises InsufficientCredits if enforcing mode would."""
        available_nanos = await self._available(request.payer)
        if available_nanos is not None and request.amount_nanos > available_nanos:
            raise insufficient(available_nanos, request.amount_nanos)
        self._admit(request, available_nanos)
        return _hold(request, (available_nanos or 0) - request.amount_nanos)

    async def resize(self, key: str, amount_nanos: int, no_event_charge_nanos: int = 0) -> Hold:
        """Records the changed hold, and what the call has cost so far, which only rises.

        Raises InsufficientCredits, NotFound.
        """
        call = self._open.get(key)
        if call is None:
            raise NotFound(f"No running call has the key {key}.")
        call.no_event_charge_nanos = max(call.no_event_charge_nanos, no_event_charge_nanos)
        available_nanos = await self._available(call.payer)
        if available_nanos is not None:
            available_nanos += call.held_nanos
            if amount_nanos > available_nanos:
                raise insufficient(available_nanos, amount_nanos)
        lease_s = max(1, round(call.lease_until - time.monotonic()))
        request = HoldRequest(key, call.payer, amount_nanos, call.no_event_charge_nanos, lease_s, call.detail)
        self._forget(key)
        self._admit(request, available_nanos)
        return _hold(request, (available_nanos or 0) - amount_nanos)

    def refuse(
        self, key: str, payer: Payer | None, model: str | None, route: str, refusal: BillingError
    ) -> None:
        """Records a call that enforcing mode would have refused, but that runs nevertheless."""
        self._forget(key)
        credit = refusal if isinstance(refusal, InsufficientCredits) else None
        detail: Json = {"model": model, "route": route}
        if payer is not None and len(self._open) < OPEN_MAX:
            self._open[key] = OpenCall(payer, 0, 0, detail, True, time.monotonic() + 60)
        self._note_begin(
            key,
            payer,
            detail,
            required=credit.required_nanos if credit else None,
            available=credit.available_nanos if credit else None,
            refusal=refusal.code,
            refusal_message=sanitize_text(refusal.message[:500]),
        )

    async def renew(self, keys: Collection[str], lease_s: int) -> frozenset[str]:
        """Keeps these calls; those that nobody renews are ended by the rule for calls without an event."""
        now = time.monotonic()
        kept = frozenset(key for key in keys if key in self._open)
        for key in kept:
            self._open[key].lease_until = now + lease_s
        return kept

    def sweep(self) -> None:
        """Ends the calls that nobody renews any more, as the sweeper would."""
        now = time.monotonic()
        for key, call in [(k, c) for k, c in self._open.items() if c.lease_until < now]:
            self._end(key, call.no_event_charge_nanos, Ending.NO_EVENT, call.detail)

    async def settle(self, settlement: Settlement) -> Resolution:
        """Records what the call would have cost."""
        self._end(settlement.key, settlement.amount_nanos, settlement.ending, settlement.detail)
        return _resolution(settlement.key, HoldStatus.SETTLED, settlement.ending, settlement.amount_nanos)

    async def release(self, key: str, ending: str) -> Resolution:
        """Records that it would have cost nothing."""
        call = self._open.get(key)
        self._end(key, 0, ending, call.detail if call else {})
        return _resolution(key, HoldStatus.RELEASED, ending, 0)

    async def post(self, entry: Entry) -> None:
        """Records an additional charge of a call."""
        values = {
            "call_id": entry.hold_key,
            "charged": -entry.amount_nanos,
            "provider_cost": _cost(entry.detail),
        }
        self._recorder.note(Note("charge_more", values))

    async def _available(self, payer: Payer) -> int | None:
        """Returns what is available; None if Postgres does not answer, which refuses nobody here."""
        self._asked += 1
        try:
            available_nanos = await self._committer.submit(_Ask(str(self._asked), payer))
        except Unavailable:
            return None
        return available_nanos - self._held.get(payer, 0)

    async def _read(self, asks: Sequence[_Ask]) -> list[int | Exception]:
        values = {
            "types": [ask.payer.customer_type for ask in asks],
            "ids": [sanitize_text(ask.payer.customer_id) for ask in asks],
        }
        async with self.connection() as connection:
            rows = await (await connection.execute(SQL["available"], values)).fetchall()
        return [int(row[0]) for row in rows]

    async def close(self) -> None:
        """Stops asking for balances."""
        await self._committer.close()

    def _admit(self, request: HoldRequest, available_nanos: int | None) -> None:
        if len(self._open) < OPEN_MAX:
            self._held[request.payer] += request.amount_nanos
            self._open[request.key] = OpenCall(
                request.payer,
                request.amount_nanos,
                request.no_event_charge_nanos,
                request.detail,
                False,
                time.monotonic() + request.lease_s,
            )
        self._note_begin(
            request.key,
            request.payer,
            request.detail,
            held=request.amount_nanos,
            required=request.amount_nanos,
            available=available_nanos,
        )

    def _note_begin(self, key: str, payer: Payer | None, detail: Json, **known: object) -> None:
        values: dict[str, object] = {
            "call_id": key,
            "customer_type": payer.customer_type if payer else None,
            "customer_id": payer.customer_id if payer else None,
            "model": sanitize_text(str(detail["model"])) if detail.get("model") else None,
            "route": sanitize_text(str(detail.get("route") or "")),
            "detail": json_text(detail),
            "held": None,
            "required": None,
            "available": None,
            "refusal": None,
            "refusal_message": None,
            **known,
        }
        self._recorder.note(Note("begin_call", values))

    def _end(self, key: str, charged_nanos: int, ending: str, detail: Json) -> None:
        self._forget(key)
        values = {
            "call_id": key,
            "charged": charged_nanos,
            "provider_cost": _cost(detail),
            "ending": str(ending),
            "detail": json_text(detail),
        }
        self._recorder.note(Note("end_call", values))

    def _forget(self, key: str) -> None:
        call = self._open.pop(key, None)
        if call is None or not call.held_nanos:
            return
        self._held[call.payer] -= call.held_nanos
        if not self._held[call.payer]:
            del self._held[call.payer]


def _cost(detail: Json) -> Decimal | None:
    try:
        cost = Decimal(str(detail.get("provider_cost")))
    except InvalidOperation:
        return None
    return cost if cost.is_finite() and abs(cost) < 10**15 else None


def _hold(request: HoldRequest, available_nanos: int) -> Hold:
    now = datetime.now(UTC)
    return Hold(
        key=request.key,
        payer=request.payer,
        amount_nanos=request.amount_nanos,
        no_event_charge_nanos=request.no_event_charge_nanos,
        status=HoldStatus.OPEN,
        ending=None,
        charged_nanos=None,
        detail=request.detail,
        lease_expires_at=now + timedelta(seconds=request.lease_s),
        created_at=now,
        available_nanos=available_nanos,
    )


def _resolution(key: str, status: HoldStatus, ending: str, charged_nanos: int) -> Resolution:
    return Resolution(key, status, ending, charged_nanos, changed=True, available_nanos=0)
