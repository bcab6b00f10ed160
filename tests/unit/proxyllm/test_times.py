"""Times on the command line."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from billing.errors import BadRequest
from proxyllm.times import moment


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("2026-11-21", 0),
        ("2026-11-21T08:00", 8),
        ("2026-11-21T08:00Z", 8),
        ("2026-11-21T08:00:00+01:00", 7),
    ],
)
def test_a_time_without_a_zone_is_utc(text: str, hour: int) -> None:
    assert moment(text, "--since") == datetime(2026, 11, 21, hour, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "1795248000", "0001-01-01T00:00:00+05:00"])
def test_what_is_no_time_names_the_option(text: str) -> None:
    with pytest.raises(BadRequest, match=r"^--until takes a time like 2026-11-21"):
        moment(text, "--until")
