"""Figures of many measurements."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel


class Spread(BaseModel):
    """The median, the 99th percentile (nearest rank) and the largest."""

    p50: float
    p99: float
    max: float

    @classmethod
    def of(cls, values: Sequence[float], digits: int = 3) -> Spread | None:
        """None where there are no values."""
        if not values:
            return None
        ordered = sorted(values)

        def rank(share: float) -> float:
            return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], digits)

        return cls(p50=rank(0.5), p99=rank(0.99), max=rank(1.0))
