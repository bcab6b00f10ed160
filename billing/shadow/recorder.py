"""Stores what shadow mode saw: queued in the process and written in the background, without waiting."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import psycopg
from psycopg_pool import PoolClosed, PoolTimeout

from billing.database import Pool, load_statements
from billing.errors import LedgerUnavailable

SQL = load_statements("billing.shadow")
QUEUE_MAX = 50_000
_BATCH_MAX = 1_000
_PURGE_MAX = 10_000

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Note:
    """A statement to run, with its values."""

    statement: Literal["begin_call", "end_call", "charge_more"]
    values: Mapping[str, object]


class Recorder:
    """A bounded queue in front of the table. Notes that do not fit are dropped, counted and logged."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._notes: deque[Note] = deque()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._notes)

    def note(self, note: Note) -> None:
        """Queues a note; returns immediately."""
        if len(self._notes) >= QUEUE_MAX:
            self.dropped += 1
            return
        self._notes.append(note)

    async def flush(self) -> None:
        """Writes all notes in batches, in order. Raises LedgerUnavailable, and keeps the notes."""
        if self.dropped:
            logger.error("shadow mode dropped %d notes: Postgres was unavailable or too slow", self.dropped)
            self.dropped = 0
        while self._notes:
            batch = [self._notes[number] for number in range(min(len(self._notes), _BATCH_MAX))]
            try:
                await self._write(batch)
            except (PoolTimeout, PoolClosed, psycopg.OperationalError) as error:
                raise LedgerUnavailable("Shadow calls cannot be written now.") from error
            except psycopg.Error:
                await self._write_singly(batch)
            for _ in batch:
                self._notes.popleft()

    async def _write(self, batch: list[Note]) -> None:
        async with self._pool.connection() as connection, connection.transaction(), connection.pipeline():
            for note in batch:
                await connection.execute(SQL[note.statement], note.values)

    async def _write_singly(self, batch: list[Note]) -> None:
        """Writes notes one by one, so that one that Postgres rejects does not block the rest."""
        for note in batch:
            try:
                await self._write([note])
            except psycopg.OperationalError as error:
                raise LedgerUnavailable("Shadow calls cannot be written now.") from error
            except psycopg.Error:
                logger.exception("shadow mode could not write %s", note.values.get("call_id"))

    async def purge(self, days: int) -> None:
        """Deletes calls older than `days`."""
        async with self._pool.connection() as connection:
            await connection.execute(SQL["purge"], {"days": days, "limit": _PURGE_MAX})
