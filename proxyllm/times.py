"""Times on the command line."""

from __future__ import annotations

from datetime import UTC, datetime

from billing.errors import BadRequest

DAYS = 7  # that a command looks at where nobody says from when


def moment(text: str, option: str) -> datetime:
    """ISO 8601 as a time in UTC, which it is where it names no zone. Raises BadRequest naming `option`."""
    try:
        read = datetime.fromisoformat(text)
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadRequest(f"{option} takes a time like 2026-11-21 or 2026-11-21T08:00:00+01:00.") from error
