"""Validates ledger requests before they are sent to Postgres."""

from __future__ import annotations

from billing.errors import BadRequest, InvalidAmount
from billing.ledger.schemas import Entry, HoldRequest, TransactionKind
from billing.money import NANOS_MAX

_KEY_LENGTH_MAX = 300
_LEASE_MAX_S = 86_400
_POSITIVE = frozenset((TransactionKind.TOPUP, TransactionKind.CREDIT, TransactionKind.GRANT))
_NEGATIVE = frozenset((TransactionKind.CHARGE, TransactionKind.EXPIRY))


def check_key(key: str) -> None:
    """Raises BadRequest for a key that cannot be stored or searched for."""
    if not key or len(key) > _KEY_LENGTH_MAX or not key.isprintable():
        raise BadRequest(f"A key must have 1 to {_KEY_LENGTH_MAX} printable characters.")


def check_hold(request: HoldRequest) -> None:
    """Raises InvalidAmount or BadRequest for a hold that could never be admitted."""
    check_key(request.key)
    if not 0 < request.amount_nanos <= NANOS_MAX:
        raise InvalidAmount("A hold must be above zero and within the range of a ledger row.")
    if not 0 <= request.no_event_charge_nanos <= request.amount_nanos:
        raise InvalidAmount("The minimum cost of a call must not exceed its hold.")
    if not 1 <= request.lease_s <= _LEASE_MAX_S:
        raise BadRequest(f"A lease must be 1 to {_LEASE_MAX_S} seconds.")
    if not request.payer.customer_id.isprintable():
        raise BadRequest("A customer id must consist of printable characters.")


def check_charge(amount_nanos: int) -> None:
    """Raises InvalidAmount for a charge that is negative or out of range."""
    if not 0 <= amount_nanos <= NANOS_MAX:
        raise InvalidAmount("A charge must not be negative or beyond the range of a ledger row.")


def check_entry(entry: Entry) -> None:
    """Raises InvalidAmount or BadRequest for an entry that could never be posted."""
    check_key(entry.source_key)
    amount_nanos = entry.amount_nanos
    if amount_nanos == 0 or abs(amount_nanos) > NANOS_MAX:
        raise InvalidAmount("An entry must not be zero or beyond the range of a ledger row.")
    if (entry.kind in _POSITIVE and amount_nanos < 0) or (entry.kind in _NEGATIVE and amount_nanos > 0):
        raise InvalidAmount(f"A {entry.kind.value} cannot have this sign.")
