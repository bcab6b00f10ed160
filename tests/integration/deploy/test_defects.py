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
    assert named
    file = ROOT
    for name in named:  # a file, and after it tests of it
        if name.startswith("test_"):
            assert f"def {name}(" in file.read_text("utf-8"), name
        else:
            file = ROOT / name
            assert file.is_file(), name
