"""The ledger interface that calls use, implemented by the real ledger and by shadow mode's."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from billing.ledger.schemas import Account, Entry, Hold, HoldRequest, Payer, Resolution, Settlement


class CallLedger(Protocol):
    """Promises and errors of each method: billing/ledger/service.py."""

    async def account(self, payer: Payer) -> Account: ...

    async def hold(self, request: HoldRequest) -> Hold: ...

    async def resize(self, key: str, amount_nanos: int, no_event_charge_nanos: int = 0) -> Hold: ...

    async def renew(self, keys: Collection[str], lease_s: int) -> frozenset[str]: ...

    async def settle(self, settlement: Settlement) -> Resolution: ...

    async def release(self, key: str, ending: str) -> Resolution: ...

    async def post(self, entry: Entry) -> object: ...
