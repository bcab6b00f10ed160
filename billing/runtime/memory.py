"""Returns memory that large requests have used to the operating system.

glibc keeps freed memory between blocks that are still in use: a hundred megabytes after a minute of 10 MB
bodies, and more after each such minute.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
from collections.abc import Callable
from pathlib import Path

_GROWTH_BYTES = 32 * 1024 * 1024
_STATM = Path("/proc/self/statm")  # sizes in pages; the second is resident memory


class FreedMemory:
    """Remembers how much memory the process had when it began to serve."""

    def __init__(self) -> None:
        self._trim = _malloc_trim()
        self._began_with_bytes = _resident_bytes() if self._trim else 0

    async def give_back(self) -> None:
        """Releases freed memory in a thread once the process has grown; does nothing without glibc."""
        if self._trim is not None and _resident_bytes() >= self._began_with_bytes + _GROWTH_BYTES:
            await asyncio.to_thread(self._trim, 0)


def _malloc_trim() -> Callable[[int], int] | None:
    trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim if _STATM.exists() else None


def _resident_bytes() -> int:
    return int(_STATM.read_text("ascii").split()[1]) * os.sysconf("SC_PAGESIZE")
