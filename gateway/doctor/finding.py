"""One thing that the doctor found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`failed`: the gateway must not start so. The message names the variable or place, never a secret."""

    level: Level
    check: str
    message: str


def ok(check: str, message: str) -> Finding:
    """All is well."""
    return Finding("ok", check, message)


def warning(check: str, message: str) -> Finding:
    """Serving works, and something is missing or odd."""
    return Finding("warning", check, message)


def failed(check: str, message: str) -> Finding:
    """Serving would fail, or lose money."""
    return Finding("failed", check, message)
