"""The interfaces that the sampler reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class Waiting(Protocol):
    """A component with a count of waiting operations."""

    @property
    def waiting(self) -> int: ...


@dataclass(frozen=True, slots=True)
class ProcessStanding:
    """The number of calls and settlements in progress in one process."""

    open_calls: int
    settling: int
    events_without_call: int


class Enforcing(Protocol):
    """A component that knows the calls of this process."""

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
