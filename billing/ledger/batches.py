"""Batches of holds and of resolutions: arrays out, a verdict an item back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeVar

import psycopg
from psycopg.rows import TupleRow

from billing.database import load_statements
from billing.errors import BillingError, InsufficientCredits, KeyConflict, NotFound
from billing.ledger.link import Link, explained
from billing.ledger.rows import flag_array, json_text, number_array, plain, text_array
from billing.ledger.schemas import Hold, HoldRequest, HoldStatus, Json, Payer, Resolution
from billing.money import format_nanos

SQL = load_statements("billing.ledger")

Action = Literal["settle", "release", "expire"]


@dataclass(frozen=True, slots=True)
class Ending:
    """How a call shall end: a settlement, a release or an expiry, in one shape for the batch."""

    key: str
    action: Action
    amount_nanos: int
    ending: str
    description: str = ""
    estimate: bool = False
    detail: Json | None = None
    payer: Payer | None = None


@dataclass(frozen=True, slots=True)
class KnownHold:
    """A repeat of a hold that was decided before; how it stands now must be read."""

    key: str


class UnknownCall(NotFound):
    """No hold has this key. `request` is what was asked of it."""

    def __init__(self, request: Ending) -> None:
        super().__init__(f"No hold has the key {request.key}.")
        self.request = request


RequestT = TypeVar("RequestT")
AnswerT = TypeVar("AnswerT")


async def one_by_one(
    send: Callable[[Sequence[RequestT]], Awaitable[list[AnswerT | Exception]]], requests: Sequence[RequestT]
) -> Sequence[AnswerT | Exception]:
    """Sends a batch; if Postgres refuses it for the sake of one item, each item alone, with the same key."""
    try:
        return await send(requests)
    except psycopg.Error as error:
        if len(requests) > 1:
            return [(await one_by_one(send, [request]))[0] for request in requests]
        if not isinstance(error, psycopg.errors.UniqueViolation):
            return [explained(error)]
    try:
        return await send(requests)  # another process wrote this key meanwhile: now it can be seen
    except psycopg.Error as error:
        return [explained(error)]


async def send_holds(
    link: Link, owner: str, requests: Sequence[HoldRequest]
) -> list[Hold | KnownHold | Exception]:
    """Asks for holds, in the order given."""
    rows = await link.rows(
        SQL["hold_batch"],
        (
            text_array([request.key for request in requests]),
            text_array([request.payer.customer_type for request in requests]),
            text_array([request.payer.customer_id for request in requests]),
            number_array([request.amount_nanos for request in requests]),
            number_array([request.fallback_nanos for request in requests]),
            number_array([request.lease_s for request in requests]),
            text_array([json_text(request.detail) for request in requests]),
            owner,
        ),
    )
    return [_hold_answer(request, *row) for request, row in zip(requests, rows, strict=True)]


def _hold_answer(
    request: HoldRequest, verdict: str, available_nanos: int, decided_at: datetime
) -> Hold | KnownHold | Exception:
    if verdict == "admitted":
        return Hold(
            key=request.key,
            payer=request.payer,
            amount_nanos=request.amount_nanos,
            fallback_nanos=request.fallback_nanos,
            status=HoldStatus.OPEN,
            ending=None,
            charged_nanos=None,
            detail=request.detail,
            lease_expires_at=decided_at + timedelta(seconds=request.lease_s),
            created_at=decided_at,
            available_nanos=available_nanos,
        )
    if verdict == "known":
        return KnownHold(request.key)
    if verdict == "conflict":
        return KeyConflict(f"The hold {request.key} was asked for before with other content.")
    return insufficient(available_nanos, request.amount_nanos)


def insufficient(available_nanos: int, required_nanos: int) -> InsufficientCredits:
    """The refusal, with both amounts for the person who reads it."""
    return InsufficientCredits(
        f"Insufficient credits: {format_nanos(available_nanos)} available, "
        f"{format_nanos(required_nanos)} required.",
        available_nanos=available_nanos,
        required_nanos=required_nanos,
    )


def ending_arrays(requests: Sequence[Ending]) -> tuple[str, ...]:
    """The parameters of `resolve_batch`."""
    return (
        text_array([request.key for request in requests]),
        text_array([request.action for request in requests]),
        number_array([request.amount_nanos for request in requests]),
        text_array([plain(request.ending) for request in requests]),
        text_array([plain(request.description) for request in requests]),
        flag_array([request.estimate for request in requests]),
        text_array([json_text(request.detail or {}) for request in requests]),
    )


async def send_endings(link: Link, requests: Sequence[Ending]) -> list[Resolution | Exception]:
    """Ends calls, in the order given. A call without a hold is answered with UnknownCall."""
    rows = await link.rows(SQL["resolve_batch"], ending_arrays(requests))
    return [resolution_from(request, row) for request, row in zip(requests, rows, strict=True)]


def resolution_from(request: Ending, row: TupleRow) -> Resolution | BillingError:
    """One row of `resolve_batch`."""
    verdict, status, ending, charged_nanos, available_nanos = row
    if verdict == "unknown":
        return UnknownCall(request)
    if verdict == "conflict":
        return KeyConflict(
            f"The call {request.key} was settled before at {format_nanos(charged_nanos)}, "
            f"not {format_nanos(request.amount_nanos)}."
        )
    return Resolution(
        request.key, HoldStatus(status), ending or "", charged_nanos, verdict == "changed", available_nanos
    )
