"""Tracks the calls of this process with open holds, from admission to resolution.

It renews their leases, passes their endings to the settlement queue, and forgets them once the ledger has
answered. A call without an event is given up after the watchdog's time: its lease expires, and the sweeper
ends it by the rule for "no event".
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from billing.errors import BillingError, Unavailable
from billing.ledger.endings import Ending
from billing.ledger.schemas import Resolution, Settlement
from billing.prices.settlement import additional_charge
from billing.proxy.admitted.call import Admission
from billing.proxy.admitted.ledger import CallLedger
from billing.proxy.calls.call import Call
from billing.proxy.calls.settlement_queue import SettlementQueue
from billing.settings import Settings

logger = logging.getLogger(__name__)

_EVENT_WITHIN_S = 1.0


class OpenCalls:
    """The registry of admitted, unresolved calls."""

    def __init__(self, ledger: CallLedger, settlement_queue: SettlementQueue, settings: Settings) -> None:
        self._ledger = ledger
        self._settlement_queue = settlement_queue
        self._settings = settings
        self._calls: dict[str, Call] = {}

    def __len__(self) -> int:
        return len(self._calls)

    def __contains__(self, call: Call) -> bool:
        return call.id in self._calls

    def add(self, call: Call) -> None:
        """Adds a call; from now on its lease is renewed."""
        self._calls[call.id] = call

    def remove(self, call: Call) -> None:
        """Removes a call: the ledger has its ending, or it is left to the sweeper."""
        self._calls.pop(call.id, None)

    def settle(self, call: Call, settlement: Settlement) -> None:
        """Charges a known cost, whatever was decided before."""
        call.charges.resolving = True
        self._settlement_queue.submit(
            call.id, lambda: self._ledger.settle(settlement), lambda: self.remove(call)
        )

    def settle_unless_confirmed(
        self, call: Call, settlement: Settlement, on_decided: Callable[[], None]
    ) -> None:
        """Waits a moment for a success event, which LiteLLM does not announce for all streams.

        If none arrives, runs `on_decided` and charges the settlement.
        """

        async def resolve() -> Resolution | None:
            await asyncio.sleep(_EVENT_WITHIN_S)
            if call.charges.success_received:
                return None
            call.charges.resolving = True
            on_decided()
            return await self._ledger.settle(settlement)

        def done() -> None:
            if not call.charges.success_received:
                self.remove(call)

        self._settlement_queue.submit(call.id, resolve, done)

    def release(self, call: Call, ending: Ending) -> None:
        """Ends the call at no cost."""
        call.charges.resolving = True
        self._settlement_queue.submit(
            call.id, lambda: self._ledger.release(call.id, ending), lambda: self.remove(call)
        )

    def charge_more(self, call: Call, admission: Admission, settlement: Settlement, event_id: str) -> None:
        """Charges another priced event of the same call, which has a provider call of its own."""
        entry = additional_charge(settlement, admission.payer, event_id)

        async def post() -> None:
            await self._ledger.post(entry)

        self._settlement_queue.submit(call.id, post, lambda: None)

    def running(self) -> list[str]:
        """Returns the ids of calls whose lease is to be renewed, without those that the watchdog gives up."""
        deadline = self._given_up_before()
        return [call.id for call in self._calls.values() if not _given_up(call, deadline)]

    def _given_up_before(self) -> float:
        return time.monotonic() - self._settings.billing_watchdog_s

    async def renew_leases(self) -> None:
        """Renews the leases of all running calls in one statement. Failures are retried next time."""
        keys = self.running()
        try:
            await self._ledger.renew(keys, self._settings.billing_hold_ttl_s)
        except Unavailable as error:
            logger.warning("the leases of %d calls were not renewed: %s", len(keys), error)
        deadline = self._given_up_before()
        for call in [call for call in self._calls.values() if _given_up(call, deadline)]:
            await self._give_up(call)

    async def _give_up(self, call: Call) -> None:
        """Leaves a call to the sweeper, which charges at least what its stream had shown."""
        logger.warning("call %s ended without any event; its lease will expire and the rule applies", call.id)
        self.remove(call)
        shown_nanos = call.counted_nanos
        if (
            shown_nanos is None
            or call.admission is None
            or self._settings.billing_charge_no_event == "nothing"
        ):
            return
        try:
            await self._ledger.resize(call.id, call.admission.hold_nanos, no_event_charge_nanos=shown_nanos)
        except BillingError as error:
            logger.warning("call %s may be charged less than it showed: %s", call.id, error)


def _given_up(call: Call, deadline: float) -> bool:
    ended_at = call.delivery.ended_at
    return ended_at is not None and ended_at < deadline and not call.charges.resolving
