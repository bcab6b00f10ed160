"""Ends calls at the ledger, retrying each resolution until Postgres accepts it.

Hooks hand an ending over and return; LiteLLM gives all callbacks of an event 20 s, and Postgres may be
unavailable for longer. Meanwhile no new call is admitted, so the queue is limited by the number of running
calls.
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
_BUGS_MAX = 20  # attempts after unexpected errors, over a minute, before the sweeper takes over


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
        """Runs `resolve` until the ledger answers, then `on_done`. Returns immediately.

        `resolve` must be safe to repeat, which the ledger's keys ensure.
        """
        task = asyncio.get_running_loop().create_task(self._run(call_id, resolve, on_done))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drain(self, timeout_s: float) -> int:
        """Waits at most `timeout_s` for pending resolutions. Returns how many are left to the sweeper."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=timeout_s)
        for task in self._tasks:
            task.cancel()
        return len(self._tasks)

    @property
    def waiting(self) -> int:
        """The number of resolutions that the ledger has not answered yet."""
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
                logger.warning("call %s is not settled yet, retrying: %s", call_id, error)
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, _RETRY_S_MAX)
                continue
            except KeyConflict as error:
                logger.error("call %s was already settled with another amount: %s", call_id, error)
            except BillingError as error:
                logger.error("call %s could not be settled: %s", call_id, error)
            except Exception:  # outermost loop of a task: ending here would renew the call's lease forever
                bugs += 1
                logger.exception("call %s is not settled yet (try %d)", call_id, bugs)
                if bugs < _BUGS_MAX:
                    await asyncio.sleep(pause_s)
                    pause_s = min(pause_s * 2, _RETRY_S_MAX)
                    continue
            on_done()
            return
