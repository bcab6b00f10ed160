"""Ends calls at the ledger, and does not give up: a resolution is retried until Postgres takes it.

Hooks hand an ending over and go on; LiteLLM gives a logging event 20 s for all callbacks, and Postgres may be
away for longer. While it is, no new call is admitted, so what waits here is bounded by the calls that ran.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from billing.errors import BillingError, KeyConflict, Unavailable
from billing.ledger.schemas import Resolution

logger = logging.getLogger(__name__)

_RETRY_S_FIRST = 0.1
_RETRY_S_MAX = 5.0
_BUGS_MAX = 20  # tries at an error that nobody expected, over a minute, before the sweeper gets its turn


class SettlementQueue:
    """Runs resolutions in the background of one process."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def submit(
        self,
        call_id: str,
        resolve: Callable[[], Awaitable[Resolution | None]],
        on_done: Callable[[], None],
    ) -> None:
        """Runs `resolve` until the ledger answers, then `on_done`. Returns at once.

        `resolve` must be safe to repeat: the ledger's keys see to that.
        """
        task = asyncio.get_running_loop().create_task(self._run(call_id, resolve, on_done))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drain(self, timeout_s: float) -> int:
        """Waits for what is under way, at most `timeout_s`. Returns how many are left to the sweeper."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=timeout_s)
        for task in self._tasks:
            task.cancel()
        return len(self._tasks)

    @property
    def waiting(self) -> int:
        """How many resolutions the ledger has not answered yet."""
        return len(self._tasks)

    async def _run(
        self,
        call_id: str,
        resolve: Callable[[], Awaitable[Resolution | None]],
        on_done: Callable[[], None],
    ) -> None:
        pause_s = _RETRY_S_FIRST
        bugs = 0
        while True:
            try:
                await resolve()
            except Unavailable as error:
                logger.warning("call %s is not settled yet, trying again: %s", call_id, error)
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, _RETRY_S_MAX)
                continue
            except KeyConflict as error:
                logger.error("call %s was settled before with another amount: %s", call_id, error)
            except BillingError as error:
                logger.error("call %s could not be settled: %s", call_id, error)
            except Exception:  # outermost loop of a task: to die here would renew the call's lease forever
                bugs += 1
                logger.exception("call %s is not settled yet (try %d)", call_id, bugs)
                if bugs < _BUGS_MAX:
                    await asyncio.sleep(pause_s)
                    pause_s = min(pause_s * 2, _RETRY_S_MAX)
                    continue
            on_done()
            return
