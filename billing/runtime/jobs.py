"""What a process does for itself again and again."""

from __future__ import annotations

from billing.jobs.background import Repeated
from billing.runtime.memory import FreedMemory

GIVE_BACK_S = 60.0


def jobs() -> tuple[Repeated, ...]:
    """Memory that was freed goes back to the system."""
    return (Repeated("giving memory back", GIVE_BACK_S, FreedMemory().give_back),)
