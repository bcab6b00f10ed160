"""What the sampler asks of a process's parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class Waiting(Protocol):
    """What counts its own operations."""

    @property
    def waiting(self) -> int: ...


@dataclass(frozen=True, slots=True)
class ProcessStanding:
    """What one process has in hand."""

    open_calls: int
    settling: int
    events_without_call: int


class Enforcing(Protocol):
    """What knows the calls of this process."""

    def standing(self) -> ProcessStanding: ...


@dataclass(frozen=True, slots=True)
class SourceStanding:
    """How a book stood when it was last compared. `finished_at` is seconds since 1970."""

    book: str
    differences: int
    drift_nanos: int
    failed: bool
    finished_at: float | None


class Reconciling(Protocol):
    """What knows how each book stood when it was last compared."""

    async def standings(self) -> Sequence[SourceStanding]: ...
