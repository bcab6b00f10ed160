"""Parses times of the command line."""

from __future__ import annotations

from datetime import UTC, datetime

from billing.errors import BadRequest

DAYS = 7  # the default period of commands


def moment(text: str, option: str) -> datetime:
    """Parses ISO 8601 into UTC, the default zone. Raises BadRequest naming `option`."""
    try:
        read = datetime.fromisoformat(text)
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadRequest(f"{option} takes a time like 2026-11-21 or 2026-11-21T08:00:00+01:00.") from error
