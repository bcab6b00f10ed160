"""Processes beside the benchmark, spoken to in lines."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
LINE_BYTES_MAX = 1_000_000
STOPPED_WITHIN_S = 70.0


class HelperFailed(Exception):
    """A process beside the benchmark ended before it had done its work; its errors are on standard error."""


@dataclass(slots=True)
class Helper:
    """One that runs."""

    name: str
    _process: asyncio.subprocess.Process

    async def tell(self, line: str) -> None:
        """Sends a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        await self._process.stdin.drain()

    async def line(self) -> str:
        """Waits for a line. Raises HelperFailed where there is none."""
        assert self._process.stdout is not None
        if not (line := await self._process.stdout.readline()):
            raise HelperFailed(self.name)
        return line.decode()

    async def last_words(self) -> str:
        """Ends its input and waits for a line."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        return await self.line()


@contextlib.asynccontextmanager
async def helper(module: str, *options: str) -> AsyncIterator[Helper]:
    """Runs a module of this checkout in a process of its own; ends it in the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *options,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        limit=LINE_BYTES_MAX,
    )
    try:
        yield Helper(module, process)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        await asyncio.wait_for(process.wait(), STOPPED_WITHIN_S)
