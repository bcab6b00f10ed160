"""The output of commands: results on standard output, errors on standard error, and an exit code."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine, Sequence

from billing.errors import BillingError
from gateway.failures import RunFailure
from gateway.messages import FAILED, tell


def say(text: str) -> None:
    """Prints a line immediately."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def answer(command: Coroutine[object, object, int]) -> int:
    """Runs a command; an expected failure becomes one line after its log, and an exit code."""
    try:
        return asyncio.run(command)
    except RunFailure as failure:
        if failure.log_tail:
            sys.stderr.write(f"{failure.log_tail}\n")
        tell(failure.message)
        return failure.exit_code
    except BillingError as error:
        tell(error.message)
        return FAILED


def aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Formats rows with aligned columns. Requires at least one row."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
