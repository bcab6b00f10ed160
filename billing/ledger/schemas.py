"""The ledger's types. All amounts are nanos (integers), all times are the database's clock in UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pydantic import JsonValue

from billing.settings import CustomerType

Json = Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class LedgerLimits:
    """Limits of one process's ledger. Times in seconds."""

    queue_max: int = 4096  # waiting operations of each type
    batch_max: int = 256  # operations sent together
    wait_s: float = 5.0  # the longest a caller waits
    payers_remembered: int = 100_000  # payers of open holds, which saves look-ups when they end
    abandoned_max: int = 10_000  # abandoned holds remembered until they are released
    retry_s: float = 0.5  # between attempts to release them while Postgres is unavailable


@dataclass(frozen=True, slots=True)
class Payer:
    """Who pays; each payer has one account."""

    customer_type: CustomerType
    customer_id: str


class HoldStatus(StrEnum):
    """open → settled | released | expired. Each hold ends exactly once."""

    OPEN = "open"
    SETTLED = "settled"
    RELEASED = "released"
    EXPIRED = "expired"


class TransactionKind(StrEnum):
    """The reason for a transaction. Top-ups, credits and grants add; charges subtract."""

    TOPUP = "topup"
    CHARGE = "charge"
    REVERSAL = "reversal"
    CREDIT = "credit"
    ADJUSTMENT = "adjustment"
    REFUND = "refund"
    DISPUTE = "dispute"
    GRANT = "grant"
    EXPIRY = "expiry"


@dataclass(frozen=True, slots=True)
class Account:
    """A customer's balance. `available = balance - held` may be negative after a refund or an overage."""

    id: int | None  # None: a payer not seen before
    payer: Payer
    stripe_customer_id: str | None
    currency: str
    balance_nanos: int
    held_nanos: int
    total_topups_nanos: int
    total_spent_nanos: int
    low_balance_threshold_nanos: int | None
    auto_topup_enabled: bool
    auto_topup_amount_nanos: int | None
    auto_topup_threshold_nanos: int | None
    created_at: datetime | None
    updated_at: datetime | None

    @property
    def available_nanos(self) -> int:
        """The amount available for new holds."""
        return self.balance_nanos - self.held_nanos


@dataclass(frozen=True, slots=True)
class HoldRequest:
    """Reserves `amount_nanos` (> 0). A repeat must match in payer, amount and `no_event_charge_nanos`."""

    key: str  # our call id
    payer: Payer
    amount_nanos: int
    no_event_charge_nanos: int  # charged if no event of the call ever arrives; ≥ 0, at most the amount
    lease_s: int
    detail: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hold:
    """The state of a hold, with the account's balance after the operation that returned it."""

    key: str
    payer: Payer
    amount_nanos: int
    no_event_charge_nanos: int
    status: HoldStatus
    ending: str | None
    charged_nanos: int | None
    detail: Json
    lease_expires_at: datetime
    created_at: datetime
    available_nanos: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """Ends a call at its cost; the entire hold is freed.

    A settlement above the hold is charged in full. A real cost replaces an estimate (or an expiry by rule):
    reversal and real charge are one transaction. After a release it is still charged (late success). A repeat
    with the same amount returns the same result; a different amount raises KeyConflict.
    """

    key: str
    amount_nanos: int  # ≥ 0; 0 writes no transaction
    ending: str
    description: str
    estimate: bool = False
    payer: Payer | None = None  # only needed if the call may have no hold
    detail: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Resolution:
    """The state of a call after settle, release or expire."""

    key: str
    status: HoldStatus
    ending: str
    charged_nanos: int
    changed: bool  # False: it had already ended; this is the earlier result
    available_nanos: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A movement of money without a hold: top-up, credit, adjustment, refund, additional charge."""

    payer: Payer
    kind: TransactionKind
    amount_nanos: int  # signed, never 0
    source_key: str
    description: str
    stripe_object_id: str | None = None
    hold_key: str | None = None
    estimate: bool = False
    detail: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Transaction:
    """One transaction of an account."""

    id: int
    payer: Payer
    kind: TransactionKind
    amount_nanos: int
    balance_after_nanos: int
    source_key: str
    hold_key: str | None
    stripe_object_id: str | None
    estimate: bool
    description: str
    detail: Json
    created_at: datetime


@dataclass(frozen=True, slots=True)
class TransactionQuery:
    """A page of an account's transactions, newest first: those with an id below `before_id`."""

    limit: int = 50  # 1 to 100
    before_id: int | None = None
    kind: TransactionKind | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """A violated rule of the books: which rule, on which account or row, expected and found."""

    rule: str
    subject: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class UnconfirmedCall:
    """A call for which no success event arrived: charged by rule, and its real cost is still unknown."""

    id: int  # for paging: newest first, ids below `before_id`
    hold: Hold
    owner: str  # the process that ran it
    resolved_at: datetime
