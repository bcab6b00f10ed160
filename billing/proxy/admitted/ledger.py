"""What calls ask of a ledger: that of enforcing mode, or shadow mode's in its place."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from billing.ledger.schemas import Account, Entry, Hold, HoldRequest, Payer, Resolution, Settlement


class CallLedger(Protocol):
    """What each promises and raises: billing/ledger/service.py."""

    async def account(self, payer: Payer) -> Account: ...

    async def hold(self, request: HoldRequest) -> Hold: ...

    async def resize(self, key: str, amount_nanos: int, no_event_charge_nanos: int = 0) -> Hold: ...

    async def renew(self, keys: Collection[str], lease_s: int) -> frozenset[str]: ...

    async def settle(self, settlement: Settlement) -> Resolution: ...

    async def release(self, key: str, ending: str) -> Resolution: ...

    async def post(self, entry: Entry) -> object: ...
