"""Messages of supervisor and commands: one line each on standard error, where platforms collect logs."""

from __future__ import annotations

import sys

DONE, FAILED = 0, 1  # exit codes


def tell(text: str) -> None:
    """Reports what is happening."""
    sys.stderr.write(f"proxyllm: {text}\n")
    sys.stderr.flush()


def warn(text: str) -> None:
    """Reports what an operator should check."""
    tell(f"warning: {text}")
