"""What a comparison is asked, and what it answers. Amounts are nanos, times are UTC."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

PENDING = "pending"  # the count of what ended just now, or not yet: to be compared later


class Source(StrEnum):
    """What the ledger is compared with."""

    LEDGER = "ledger"  # with itself
    SPEND_LOGS = "spend_logs"  # with what LiteLLM wrote down of each call
    STRIPE = "stripe"  # with what Stripe was paid


class Repair(StrEnum):
    """What `--apply` may do: each is something the gateway does by itself when all goes well."""

    CREDIT = "credit the paid Checkout Session"
    REPLACE = "replace the estimate by the real cost"
    END = "end the hold by the rule for calls without an event"


@dataclass(frozen=True, slots=True)
class Window:
    """From `since` on, before `until`."""

    since: datetime
    until: datetime

    def slices(self, length: timedelta) -> list[Window]:
        """Its parts between multiples of `length`, so that the same moment always lies in the same part."""
        parts: list[Window] = []
        start = self.since
        while start < self.until:
            end = min(floor(start, length) + length, self.until)
            parts.append(Window(start, end))
            start = end
        return parts


def floor(moment: datetime, length: timedelta) -> datetime:
    """The last multiple of `length` (a day at most) of its day, not after `moment`."""
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + (moment - midnight) // length * length


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where the books and their witness disagree."""

    book: Source
    rule: str
    subject: str  # a call, a Checkout Session, an account, a row
    expected: str  # decimal string of the major unit where it is money
    found: str
    drift_nanos: int  # found less expected: what our books say too much; 0 where it is not money
    explanation: str
    customer: str | None = None
    repair: Repair | None = None
    repaired: bool = False


@dataclass(slots=True)
class Findings:
    """What comparing one book, or a part of it, has found."""

    book: Source
    differences: list[Difference] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    failure: str | None = None  # why it could not be compared to the end

    def count(self, name: str, number: int = 1) -> None:
        """Adds to a count."""
        self.counts[name] = self.counts.get(name, 0) + number

    def note(self, text: str) -> None:
        """Says something once."""
        if text not in self.notes:
            self.notes.append(text)

    @property
    def open(self) -> list[Difference]:
        """What is not repaired."""
        return [one for one in self.differences if not one.repaired]

    @property
    def drift_nanos(self) -> int:
        """The sum of what is wrong, whatever its sign: two errors do not cancel out."""
        return sum(abs(one.drift_nanos) for one in self.open)

    def add(self, other: Findings) -> None:
        """Takes over what a part has found."""
        self.differences += other.differences
        for name, number in other.counts.items():
            self.count(name, number)
        for text in other.notes:
            self.note(text)
        self.failure = self.failure or other.failure


@dataclass(frozen=True, slots=True)
class Report:
    """What was compared, and what was found."""

    window: Window
    books: tuple[Findings, ...]

    @property
    def clean(self) -> bool:
        """Whether everything could be compared, and agrees."""
        return not any(book.open or book.failure for book in self.books)
