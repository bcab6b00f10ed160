"""Requests and results of a comparison. Amounts are nanos, times are UTC."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

PENDING = "pending"  # the count of calls that ended just now or are running: compared later


class Source(StrEnum):
    """What the ledger is compared with."""

    LEDGER = "ledger"  # with itself
    SPEND_LOGS = "spend_logs"  # with LiteLLM's log of each call
    STRIPE = "stripe"  # with the payments at Stripe


class Repair(StrEnum):
    """What `--apply` may do: only things the gateway does itself in normal operation."""

    CREDIT = "credit the paid Checkout Session"
    REPLACE = "replace the estimate by the real cost"
    END = "end the hold by the rule for calls without an event"


@dataclass(frozen=True, slots=True)
class Window:
    """The time from `since` until before `until`."""

    since: datetime
    until: datetime

    def slices(self, length: timedelta) -> list[Window]:
        """Splits the window at multiples of `length`, so that the same moment is always in the same slice."""
        parts: list[Window] = []
        start = self.since
        while start < self.until:
            end = min(floor(start, length) + length, self.until)
            parts.append(Window(start, end))
            start = end
        return parts


def floor(moment: datetime, length: timedelta) -> datetime:
    """Returns the last multiple of `length` (a day at most) of its day that is not after `moment`."""
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + (moment - midnight) // length * length


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference between the books and what they are compared with."""

    book: Source
    rule: str
    subject: str  # a call, a Checkout Session, an account, a row
    expected: str  # a decimal string in major units if it is money
    found: str
    drift_nanos: int  # found minus expected: positive if our books are too high; 0 if it is not money
    explanation: str
    customer: str | None = None
    repair: Repair | None = None
    repaired: bool = False


@dataclass(slots=True)
class Findings:
    """The result of comparing one book, or a part of it."""

    book: Source
    differences: list[Difference] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    failure: str | None = None  # why the comparison is incomplete

    def count(self, name: str, number: int = 1) -> None:
        """Adds to a count."""
        self.counts[name] = self.counts.get(name, 0) + number

    def note(self, text: str) -> None:
        """Adds a note once."""
        if text not in self.notes:
            self.notes.append(text)

    @property
    def open(self) -> list[Difference]:
        """The differences that are not repaired."""
        return [one for one in self.differences if not one.repaired]

    @property
    def drift_nanos(self) -> int:
        """The sum of absolute differences: two errors do not cancel out."""
        return sum(abs(one.drift_nanos) for one in self.open)

    def add(self, other: Findings) -> None:
        """Adds the findings of a part."""
        self.differences += other.differences
        for name, number in other.counts.items():
            self.count(name, number)
        for text in other.notes:
            self.note(text)
        self.failure = self.failure or other.failure


@dataclass(frozen=True, slots=True)
class Report:
    """What was compared, and the findings."""

    window: Window
    books: tuple[Findings, ...]

    @property
    def clean(self) -> bool:
        """Whether everything was compared and agrees."""
        return not any(book.open or book.failure for book in self.books)
