"""Releases holds whose caller is gone, so that they do not tie up money until their leases expire."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from billing.errors import LedgerUnavailable
from billing.ledger.schemas import LedgerLimits, Payer


class AbandonedHolds:
    """Releases holds in the background, retrying while Postgres is unavailable.

    `release` raises LedgerUnavailable if it must be retried. At most `limits.abandoned_max` holds are
    remembered; the others end when their leases expire.
    """

    def __init__(self, release: Callable[[str, Payer], Awaitable[None]], limits: LedgerLimits) -> None:
        self._release = release
        self._limits = limits
        self._payers: dict[str, Payer] = {}
        self._task: asyncio.Task[None] | None = None

    def __contains__(self, key: str) -> bool:
        """Whether this hold was given up and has not been released yet."""
        return key in self._payers

    def add(self, key: str, payer: Payer) -> None:
        """Schedules the release of a hold that may or may not have been admitted."""
        if len(self._payers) >= self._limits.abandoned_max:
            return
        self._payers[key] = payer
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._release_all())

    async def close(self) -> None:
        """Finishes what is in progress; whatever takes longer than `wait_s` is left to the leases."""
        task = self._task
        if task is not None:
            await asyncio.wait((task,), timeout=self._limits.wait_s)
            task.cancel()  # no effect if it is done
            await asyncio.wait((task,), timeout=self._limits.wait_s)

    async def _release_all(self) -> None:
        try:
            while self._payers:
                if not await self._release_some():
                    await asyncio.sleep(self._limits.retry_s)
        finally:
            self._task = None

    async def _release_some(self) -> bool:
        some = list(self._payers.items())[: self._limits.batch_max]
        done = await asyncio.gather(*(self._is_released(key, payer) for key, payer in some))
        for (key, _), is_done in zip(some, done, strict=True):
            if is_done:
                del self._payers[key]
        return all(done)

    async def _is_released(self, key: str, payer: Payer) -> bool:
        try:
            await self._release(key, payer)
        except LedgerUnavailable:
            return False
        return True
