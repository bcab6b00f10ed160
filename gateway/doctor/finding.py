"""A finding of the doctor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`failed`: the gateway must not start like this.

    The message names the variable or place, never a secret.
    """

    level: Level
    check: str
    message: str


def ok(check: str, message: str) -> Finding:
    """No problem found."""
    return Finding("ok", check, message)


def warning(check: str, message: str) -> Finding:
    """Serving works, but something is missing or unusual."""
    return Finding("warning", check, message)


def failed(check: str, message: str) -> Finding:
    """Serving would fail or lose money."""
    return Finding("failed", check, message)
