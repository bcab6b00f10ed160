"""What crosses the ledger's border. All amounts are nanos (integers), all times the database's clock, UTC."""

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
    """Bounds of one process's ledger. Times in seconds."""

    queue_max: int = 4096  # operations of a kind that may wait
    batch_max: int = 256  # operations that travel together
    wait_s: float = 5.0  # how long a caller waits at most
    payers_remembered: int = 100_000  # of open holds, so that they end with fewer look-ups
    abandoned_max: int = 10_000  # holds nobody waits for, remembered until they are released
    retry_s: float = 0.5  # between attempts to release them while Postgres is away


@dataclass(frozen=True, slots=True)
class Payer:
    """Who pays: one account each."""

    customer_type: CustomerType
    customer_id: str


class HoldStatus(StrEnum):
    """open → settled | released | expired; nothing else, and each hold ends once."""

    OPEN = "open"
    SETTLED = "settled"
    RELEASED = "released"
    EXPIRED = "expired"


class TransactionKind(StrEnum):
    """What moved money. Top-ups, credits and grants add; charges take away."""

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
        """What a new hold may take."""
        return self.balance_nanos - self.held_nanos


@dataclass(frozen=True, slots=True)
class HoldRequest:
    """Sets aside `amount_nanos` (> 0). The content that must match on a repeat: payer, amount, fallback."""

    key: str  # our call id
    payer: Payer
    amount_nanos: int
    no_event_charge_nanos: int  # what the call costs if nothing is ever heard of it; ≥ 0, at most the amount
    lease_s: int
    detail: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold as it stands, with the account's balance after the operation that returned it."""

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
    """Ends a call with what it cost; the whole hold is freed.

    A settlement above the hold is charged in full. After an estimate (or an expiry by rule), a real one
    replaces it: reversal and real charge in one transaction. After a release it is charged all the same
    (late success). A repeat with the same amount answers the same; another amount raises KeyConflict.
    """

    key: str
    amount_nanos: int  # ≥ 0; 0 writes no transaction
    ending: str
    description: str
    estimate: bool = False
    payer: Payer | None = None  # needed only where the call may have no hold
    detail: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Resolution:
    """How a call stands after settle, release or expire."""

    key: str
    status: HoldStatus
    ending: str
    charged_nanos: int
    changed: bool  # False: it had ended before; this is the earlier answer
    available_nanos: int


@dataclass(frozen=True, slots=True)
class Entry:
    """Money that moves without a hold: top-up, credit, adjustment, refund, extra charge."""

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
    """One line of the books."""

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
    """Where the books do not prove themselves: which rule, on which account or row, expected and found."""

    rule: str
    subject: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class UnconfirmedCall:
    """A call of whose end nothing was heard, charged by rule, and not replaced by a real cost since."""

    id: int  # for paging: newest first, those below `before_id`
    hold: Hold
    owner: str  # the process that ran it
    resolved_at: datetime
