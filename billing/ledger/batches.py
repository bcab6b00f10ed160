"""Sends batches of holds and endings to Postgres as arrays and returns one result per item."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import psycopg
from psycopg.rows import TupleRow

from billing.database import load_statements
from billing.errors import BillingError, InsufficientCredits, KeyConflict, NotFound
from billing.ledger.connection import LedgerConnection, to_billing_error
from billing.ledger.rows import flag_array, number_array, text_array
from billing.ledger.schemas import Hold, HoldRequest, HoldStatus, Payer, Resolution
from billing.money import format_nanos

SQL = load_statements("billing.ledger")

Action = Literal["settle", "release", "expire"]


@dataclass(frozen=True, slots=True)
class PreparedEnding:
    """How a call ends (settlement, release or expiry), with its texts encoded for sending (`plain`)."""

    key: str
    action: Action
    amount_nanos: int
    ending: str
    description: str = "-"
    estimate: bool = False
    detail_text: str = "{}"  # encoded by the caller, while the previous batch is in flight
    payer: Payer | None = None


@dataclass(frozen=True, slots=True)
class KnownHold:
    """A repeated hold that was decided before; its current state must be read.

    `is_ours`: it was decided in this same request, whose connection broke before the answer arrived.
    """

    key: str
    is_ours: bool


@dataclass(frozen=True, slots=True)
class PreparedHold:
    """A hold request, encoded for sending."""

    key: str
    request: HoldRequest
    detail_text: str


Request = PreparedHold | PreparedEnding
Answer = Hold | KnownHold | Resolution
Answers = dict[str, Answer | Exception]


async def one_by_one(
    send: Callable[[Sequence[Request]], Awaitable[list[Answer | Exception]]], requests: Sequence[Request]
) -> list[Answer | Exception]:
    """Sends a batch; if Postgres rejects it because of one item, sends each item alone with the same key."""
    try:
        return await send(requests)
    except psycopg.Error as error:
        if len(requests) > 1:
            return [(await one_by_one(send, [request]))[0] for request in requests]
        if not isinstance(error, psycopg.errors.UniqueViolation):
            return [to_billing_error(error)]
    try:
        return await send(requests)  # another process just wrote this key: now it is visible
    except psycopg.Error as error:
        return [to_billing_error(error)]


async def send_holds(
    link: LedgerConnection, owner: str, asks: Sequence[PreparedHold], *, is_repeated: bool
) -> Answers:
    """Requests holds in the given order, whether or not their keys are new. Returns answers by key.

    `is_repeated`: Postgres may already have received this same request.
    """
    rows = await link.rows(
        SQL["hold_batch"],
        (
            text_array([ask.key for ask in asks]),
            text_array([ask.request.payer.customer_type for ask in asks]),
            text_array([ask.request.payer.customer_id for ask in asks]),
            *hold_arrays(asks),
            owner,
        ),
    )
    return {
        ask.key: _hold_answer(ask.request, is_repeated, *row) for ask, row in zip(asks, rows, strict=True)
    }


def hold_arrays(asks: Sequence[PreparedHold]) -> tuple[str, ...]:
    """Encodes the parameters shared by all statements that create holds."""
    return (
        number_array([ask.request.amount_nanos for ask in asks]),
        number_array([ask.request.no_event_charge_nanos for ask in asks]),
        number_array([ask.request.lease_s for ask in asks]),
        text_array([ask.detail_text for ask in asks]),
    )


def admitted(request: HoldRequest, available_nanos: int, decided_at: datetime) -> Hold:
    """Builds the Hold of an admitted request."""
    return Hold(
        request.key,
        request.payer,
        request.amount_nanos,
        request.no_event_charge_nanos,
        HoldStatus.OPEN,
        None,
        None,
        request.detail,
        decided_at + timedelta(seconds=request.lease_s),
        decided_at,
        available_nanos,
    )


def _hold_answer(
    request: HoldRequest, is_repeated: bool, verdict: str, available_nanos: int, decided_at: datetime
) -> Hold | KnownHold | Exception:
    if verdict == "admitted":
        return admitted(request, available_nanos, decided_at)
    if verdict == "known":
        return KnownHold(request.key, is_repeated)
    if verdict == "conflict":
        return KeyConflict(f"The hold {request.key} was already requested with different content.")
    return insufficient(available_nanos, request.amount_nanos)


def insufficient(available_nanos: int, required_nanos: int) -> InsufficientCredits:
    """Builds the refusal, with both amounts in its message."""
    return InsufficientCredits(
        f"Insufficient credits: {format_nanos(available_nanos)} available, "
        f"{format_nanos(required_nanos)} required.",
        available_nanos=available_nanos,
        required_nanos=required_nanos,
    )


def ending_arrays(requests: Sequence[PreparedEnding]) -> tuple[str, ...]:
    """Encodes the parameters of `resolve_batch`."""
    return (
        text_array([request.key for request in requests]),
        text_array([request.action for request in requests]),
        number_array([request.amount_nanos for request in requests]),
        text_array([request.ending for request in requests]),
        text_array([request.description for request in requests]),
        flag_array([request.estimate for request in requests]),
        text_array([request.detail_text for request in requests]),
    )


async def send_endings(link: LedgerConnection, requests: Sequence[PreparedEnding]) -> Answers:
    """Ends calls in the given order, whatever their state.

    Answers by key; NotFound for a call without a hold.
    """
    rows = await link.rows(SQL["resolve_batch"], ending_arrays(requests))
    return {request.key: resolution_from(request, row) for request, row in zip(requests, rows, strict=True)}


def resolution_from(request: PreparedEnding, row: TupleRow) -> Resolution | BillingError:
    """Parses one row of `resolve_batch`."""
    verdict, status, ending, charged_nanos, available_nanos = row
    if verdict == "unknown":
        return NotFound(f"No hold has the key {request.key}.")
    if verdict == "conflict":
        return KeyConflict(
            f"The call {request.key} was already settled at {format_nanos(charged_nanos)}, "
            f"not {format_nanos(request.amount_nanos)}."
        )
    return Resolution(
        request.key, HoldStatus(status), ending or "", charged_nanos, verdict == "changed", available_nanos
    )
