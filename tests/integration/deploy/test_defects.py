"""docs/deployment-defects.md names for each of the 36 defects what keeps it away, and that exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ROWS = re.findall(
    r"^\| (\d+) \|(.*)\|$", (ROOT / "docs/deployment-defects.md").read_text("utf-8"), re.MULTILINE
)


def test_none_of_the_36_is_missing() -> None:
    assert [int(number) for number, _ in ROWS] == list(range(1, 37))


@pytest.mark.parametrize(("number", "row"), ROWS)
def test_what_a_row_names_exists(number: str, row: str) -> None:
    named = re.findall(r"`([^`]+)`", row.rsplit("|", 1)[-1])
    files = [ROOT / name for name in named if "/" in name]
    tests = [name for name in named if name.startswith("test_")]

    assert files
    for file in files:
        assert file.is_file(), file
    for test in tests:
        assert f"def {test}(" in files[0].read_text("utf-8"), test
