"""Assembles the LiteLLM side: everything one gateway process needs to bill its calls."""

from __future__ import annotations

import asyncio
import logging

from billing.database.pool import Pool
from billing.errors import BillingError
from billing.jobs.background import Repeated
from billing.ledger.service import Ledger
from billing.metrics.schemas import ProcessStanding
from billing.proxy.admitted.ledger import CallLedger
from billing.proxy.calls.admission import Admissions
from billing.proxy.calls.call import Call
from billing.proxy.calls.credit_check import CreditCheck
from billing.proxy.calls.open_calls import OpenCalls
from billing.proxy.calls.payer import Key
from billing.proxy.calls.request_end import RequestEnds
from billing.proxy.calls.settlement_queue import SettlementQueue
from billing.proxy.calls.shadow import Shadow
from billing.proxy.calls.sources import Pricing, Sources
from billing.proxy.calls.success import Successes
from billing.proxy.calls.sweeper import Sweeper
from billing.proxy.litellm.hooks import _PROXY_BillingLogger
from billing.proxy.litellm.mcp_servers import McpServers
from billing.proxy.litellm.mount import (
    current_router,
    flush_events,
    keep_mounted,
    mount_hooks,
    unmount_hooks,
)
from billing.settings import Settings

logger = logging.getLogger(__name__)

_FLUSH_S = 10.0
_MOUNTED_S = 1.0
_DRAIN_S = 10.0
_PURGE_S = 3600.0


class Enforcement:
    """Bills calls. Start it after LiteLLM, whose configuration replaces its callbacks, and stop it before.

    In shadow mode calls use a ledger that only records; holds from an earlier enforcing mode are still swept.
    """

    def __init__(self, ledger: Ledger, pool: Pool, settings: Settings, prices: Pricing) -> None:
        self._settings = settings
        self._ledger = ledger
        self._settlement_queue = SettlementQueue()
        self._sweeper = Sweeper(ledger, pool)
        self._shadow = Shadow(pool, settings) if settings.billing_mode == "shadow" else None
        calls: CallLedger = ledger if self._shadow is None else self._shadow.ledger
        self._open_calls = OpenCalls(calls, self._settlement_queue, settings)
        self.credit_check = CreditCheck(calls, settings, current_router, prices)
        sources = Sources(router=current_router, mcp_servers=McpServers(), prices=prices)
        admissions = Admissions(calls, self._open_calls, settings, sources, self.credit_check)
        if self._shadow is not None:
            self._shadow.look_with(admissions, self._open_calls, prices)
        self._request_ends = RequestEnds(self._open_calls, settings)
        self._successes = Successes(
            self._open_calls, settings.billing_charge_cache_hit, settings.billing_charge_cut_before_first
        )
        self._hook = _PROXY_BillingLogger(
            admissions,
            self._successes,
            settings,
            self._shadow,
        )

    def start(self) -> None:
        """Mounts the hooks. Raises RuntimeError if LiteLLM does not accept them."""
        mount_hooks(self._hook)

    def jobs(self) -> tuple[Repeated, ...]:
        """Keeps hooks mounted, renews leases, ends abandoned holds and purges old ones."""
        settings = self._settings
        renew_s = min(settings.billing_sweep_interval_s, settings.billing_hold_ttl_s / 3)
        return (
            Repeated("keeping the hooks in place", _MOUNTED_S, lambda: keep_mounted(self._hook)),
            Repeated("renewing leases", renew_s, self._open_calls.renew_leases),
            Repeated("sweeping", settings.billing_sweep_interval_s, self._sweeper.sweep),
            Repeated("purging", _PURGE_S, lambda: self._ledger.purge(settings.billing_holds_keep_days)),
            *(() if self._shadow is None else self._shadow.jobs()),
        )

    async def stop(self) -> None:
        """Waits for pending events and settlements; the rest is left to the sweeper of any replica."""
        try:
            await asyncio.wait_for(flush_events(), _FLUSH_S)
        except TimeoutError:
            logger.warning("LiteLLM's logging queue was not empty at the end")
        left = await self._settlement_queue.drain(_DRAIN_S)
        if left:
            logger.warning("%d calls are left to the sweeper", left)
        if self._shadow is not None:
            await self._shadow.stop()
        unmount_hooks(self._hook)

    def request_ended(self, call: Call) -> None:
        """Called by the middleware at the end of each response."""
        self._request_ends.request_ended(call)

    def standing(self) -> ProcessStanding:
        """Returns the number of calls and settlements in progress."""
        return ProcessStanding(
            len(self._open_calls), self._settlement_queue.waiting, self._successes.without_call
        )

    def would_refuse(self, call: Call, key: Key, body: object, refusal: BillingError) -> None:
        """Called by the route guard in shadow mode where enforcing mode would refuse."""
        if self._shadow is not None:
            self._shadow.refuse(call, key, body, refusal)
