"""The interfaces that the sampler reads."""

from __future__ import annotations

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
