"""What supervisor and commands say: one line each, on standard error, where platforms collect logs."""

from __future__ import annotations

import sys

DONE, FAILED = 0, 1  # exit codes


def tell(text: str) -> None:
    """What happens."""
    sys.stderr.write(f"proxyllm: {text}\n")
    sys.stderr.flush()


def warn(text: str) -> None:
    """What an operator should look at."""
    tell(f"warning: {text}")
