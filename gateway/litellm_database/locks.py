"""A lock file between processes; the kernel releases the lock of a process that dies."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.failures import ProcessFailed

POLL_S = 0.05


@asynccontextmanager
async def exclusive(path: Path, timeout_s: float) -> AsyncIterator[None]:
    """Holds the lock file `path`, creating it if needed. Raises ProcessFailed after `timeout_s` seconds."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise ProcessFailed(f"cannot write {path}: {error.strerror}") from error
    try:
        await _acquire(file, path, timeout_s)
        yield
    finally:
        os.close(file)


async def _acquire(file: int, path: Path, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            while not _try(file):  # noqa: ASYNC110 - the other holder is another process
                await asyncio.sleep(POLL_S)
    except TimeoutError as error:
        raise ProcessFailed(f"another process has held {path} for {timeout_s:.0f} s") from error


def _try(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
