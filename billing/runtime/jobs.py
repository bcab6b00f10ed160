"""The periodic jobs of the process itself."""

from __future__ import annotations

from billing.jobs.background import Repeated
from billing.runtime.memory import FreedMemory

GIVE_BACK_S = 60.0


def jobs() -> tuple[Repeated, ...]:
    """Returns freed memory to the operating system."""
    return (Repeated("giving memory back", GIVE_BACK_S, FreedMemory().give_back),)
