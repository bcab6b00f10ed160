"""What the sampler asks of a process's parts."""

from __future__ import annotations

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
