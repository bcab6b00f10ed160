"""How commands speak: results on standard output, complaints on standard error, and an exit code."""

from __future__ import annotations

import sys

DONE, FAILED = 0, 1


def say(text: str) -> None:
    """One thing to the user, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def complain(text: str) -> None:
    """Why a command failed."""
    sys.stderr.write(f"proxyllm: {text}\n")
    sys.stderr.flush()
