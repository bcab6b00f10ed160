"""Runs a program to its end with a time limit, and reports failures in one line."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

LAST_LINES = 15


class StartAs(TypedDict, total=False):
    """Arguments of `subprocess.Popen` and asyncio's: user and folder of a new process."""

    cwd: Path
    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a program: its exit code (None: it took too long) and its output."""

    code: int | None
    output: str

    @property
    def last_lines(self) -> str:
        """The end of its output, to explain a failure."""
        return "\n".join(self.output.rstrip().splitlines()[-LAST_LINES:])


async def run(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    timeout_s: float,
    directory: Path | None = None,
    standard_input: int = asyncio.subprocess.DEVNULL,
    start_as: StartAs | None = None,
) -> Outcome:
    """Runs `command` with standard error joined to output. A program that takes too long is killed.

    `start_as` sets user and folder, `directory` only the folder. Raises OSError if it cannot be started.
    """
    place: StartAs = start_as or ({"cwd": directory} if directory else {})
    process = await asyncio.create_subprocess_exec(
        *command,
        env=dict(env),
        stdin=standard_input,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        **place,
    )
    try:
        async with asyncio.timeout(timeout_s):
            output, _ = await process.communicate()
    except TimeoutError:
        return Outcome(None, "")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Outcome(process.returncode, output.decode(errors="replace"))
