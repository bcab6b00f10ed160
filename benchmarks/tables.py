"""What a benchmark leaves behind: a summary for the reader, and every measurement for who doubts it."""

from __future__ import annotations

import csv
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

Row = dict[str, str | int | float]


@dataclass(frozen=True, slots=True)
class Measured:
    """One benchmark: `summary` is JSON, `rows` has a row a measurement, all with the same names."""

    summary: dict[str, object]
    rows: list[Row]

    def write_csv(self, path: Path) -> None:
        """All measurements as CSV."""
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(self.rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows)


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, smallest and largest."""
    return {
        "median": round(statistics.median(values), 3),
        "min": round(min(values), 3),
        "max": round(max(values), 3),
    }
